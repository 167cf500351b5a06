"""How much is known about the run times that a forecast rests on. Reads tasks; changes nothing."""

from tasks.models import Task
from tasks.scheduling.explaining.forecast import Forecast

ROOM_NOW = "there is room now"
FROM_ESTIMATES = "from estimates"
FROM_LIMITS = "from time limits"
A_GUESS = "unknown run times: a guess"
FROM_RESERVATIONS = "from the ends of reservations"
NOT_FORESEEN = "not within what can be foreseen"


def basis(found: Forecast) -> str:
    """The weakest of what the expected ends rest on."""
    if found.in_seconds is None:
        return NOT_FORESEEN
    if found.in_seconds == 0.0:
        return ROOM_NOW
    ids = [int(holder[1:]) for holder in found.rests_on if holder.startswith("#")]
    rows = Task.objects.filter(pk__in=ids).values_list("estimated_seconds", "time_limit_seconds")
    kinds = {_kind(estimated, limit) for estimated, limit in rows}
    return next((kind for kind in (A_GUESS, FROM_LIMITS, FROM_ESTIMATES) if kind in kinds), FROM_RESERVATIONS)


def _kind(estimated: int | None, limit: int | None) -> str:
    if estimated:
        return FROM_ESTIMATES
    return FROM_LIMITS if limit else A_GUESS
