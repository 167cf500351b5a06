"""Are the pools, hosts, types of card, resources and reservations that a task names known here. Reads a few names;
changes nothing. Whether they fit together is tasks.scheduling.explaining.capacity's question.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from agents.models import Agent, CountedResource, Gpu, Pool
from agents.states import RETIRED
from scheduler_site.shared.roles import Right, may
from tasks.models import Reservation, Task
from tasks.scheduling import cards
from tasks.scheduling.rows.hosts import known
from tasks.states import ReservationState

ANYWAY = "Set wait_for_host to queue it for a future host."
OUTSIDE = "Leave the reservation out to run it elsewhere."
_SHOWN = 12
_OPEN = (ReservationState.PENDING, ReservationState.ACTIVE)


def unknown(task: Task, user: Any, fields: Collection[str]) -> dict[str, list[str]]:
    """For each of these fields that names something unknown its sentence. With `wait_for_host`, or before any host is
    known, a host, card or resource may still come; a pool or reservation must be there in any case."""
    found: dict[str, str] = {}
    if "pool" in fields and task.pool:
        found["pool"] = _pool(task.pool)
    if "reservation_id" in fields and task.reservation_id is not None:
        found["reservation"] = _reservation(task, task.reservation_id, user)
    if not task.wait_for_host:
        asked = [name for name in _OF_HOSTS if name in fields and getattr(task, name)]
        if asked and known().exists():
            found |= {name: _OF_HOSTS[name](getattr(task, name)) for name in asked}
    return {name: [sentence] for name, sentence in found.items() if sentence}


def _pool(asked: str) -> str:
    if Pool.objects.filter(name=asked).exists():
        return ""
    return f"There is no pool {asked}; {_offer(asked, list(Pool.objects.values_list('name', flat=True)))}."


def _reservation(task: Task, asked: int, user: Any) -> str:
    row = Reservation.objects.filter(pk=asked).first()
    if row is None:
        return f"There is no reservation {asked}."
    if row.state not in _OPEN:
        return f"Reservation {row.pk} is {ReservationState(row.state).label.lower()}."
    if row.submitted_by_id != task.submitted_by_id and not may(user, Right.OPERATE):
        return f"Reservation {row.pk} is somebody else's."
    return ""


def _wanted_hosts(asked: Sequence[str]) -> str:
    gone = Agent.objects.filter(name__in=asked, standing__in=RETIRED).values_list("name", flat=True)
    if gone:
        return f"{', '.join(gone[:_SHOWN])} is deactivated. {ANYWAY}"
    return _excluded_hosts(asked)


def _excluded_hosts(asked: Sequence[str]) -> str:
    """A deactivated host may be excluded: it may come back."""
    there = set(Agent.objects.filter(name__in=asked).values_list("name", flat=True))
    missing = [name for name in asked if name not in there]
    if not missing:
        return ""
    names = list(known().values_list("name", flat=True))
    return f"There is no host {', '.join(missing[:_SHOWN])}; {_offer(missing[0], names)}. {ANYWAY}"


def _types(asked: Sequence[str]) -> str:
    there = sorted(set(_card_names()))
    missing = [word for word in asked if not any(cards.is_of_type(name, word) for name in there)]
    if not missing:
        return ""
    return f"No known GPU is of type {' or '.join(missing)}; {_offer(missing[0], there)}. {ANYWAY}"


def _card_names() -> Iterable[str]:
    rows = Gpu.objects.filter(is_present=True).exclude(agent__standing__in=RETIRED)
    return rows.order_by().values_list("name", flat=True).distinct()


def _resources(asked: dict[str, int]) -> str:
    there = set(CountedResource.objects.order_by().values_list("name", flat=True).distinct())
    missing = [name for name in asked if name not in there]
    if not missing:
        return ""
    return f"Nothing here is called {' or '.join(missing)}; {_offer(missing[0], sorted(there))}. {ANYWAY}"


_OF_HOSTS: dict[str, Callable[[Any], str]] = {
    "hosts": _wanted_hosts,
    "exclude_hosts": _excluded_hosts,
    "gpu_types": _types,
    "resources": _resources,
}


def _offer(asked: str, names: list[str]) -> str:
    """The closest name, or what there is."""
    close = get_close_matches(asked, names, n=1)
    if close:
        return f"the closest is {close[0]}"
    if not names:
        return "there is none"
    shown = ", ".join(names[:_SHOWN])
    return f"there are {shown} and others" if len(names) > _SHOWN else f"known: {shown}"
