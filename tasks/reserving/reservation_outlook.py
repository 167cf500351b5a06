"""What a reservation that holds nothing yet lacks, in words, and whether it could ever be granted. Changes nothing.

The planner's own fit says both, on the hosts as they are and as they would be with nobody on them.
"""

from collections.abc import Sequence

from agents.models import Agent, Pool
from agents.states import RETIRED, Standing
from tasks.models import Reservation
from tasks.reserving.reservation_fields import InvalidReservation
from tasks.scheduling import fit
from tasks.scheduling.explaining import capacity
from tasks.scheduling.holds import opening_on
from tasks.scheduling.rows import hosts
from tasks.scheduling.rows.request import reservation_request, site_resource_names
from tasks.scheduling.values import Host, Refusal, Shape
from tasks.scheduling.wording import needs
from tasks.states import ReservationState

SHOWN_HOSTS = 3


def refuse_impossible(reservation: Reservation) -> None:
    """InvalidReservation, on the field that is to blame and with what comes nearest, if no known host could ever hold
    it."""
    errors = _unknown_targets(reservation) or capacity.blame(_shape(reservation))
    if errors:
        raise InvalidReservation(errors)


def missing(reservation: Reservation) -> str:
    return waiting_sentences([reservation])[reservation.pk]


def waiting_sentences(reservations: Sequence[Reservation]) -> dict[int, str]:
    """What each pending one lacks now, by its id, and empty for the others; the hosts are looked at once for all."""
    found = {row.pk: "" for row in reservations}
    pending = [row for row in reservations if row.state == ReservationState.PENDING]
    if not pending:
        return found
    fleet = hosts.load_fleet(hosts.schedulable())
    able = [host for host in fleet.hosts if host.reservation_id is None]
    absent = dict(hosts.known().exclude(pk__in=[host.agent_id for host in able]).values_list("name", "standing"))
    names = site_resource_names()
    for row in pending:
        shape = reservation_request(row, names).shape
        short = fleet.site_lack(shape)
        found[row.pk] = f"Needs {needs(shape)}; {_short(short) if short else _reasons(shape, able, absent)}."
    return found


def _short(name: str) -> str:
    return f"too little {name} is free on this site"


def _reasons(shape: Shape, able: Sequence[Host], absent: dict[str, str]) -> str:
    refusals = [(host, refusal) for host in able if (refusal := fit.refusal(shape, host)) is not None]
    if len(refusals) < len(able):
        return "next in line"
    near = [(host, refusal) for host, refusal in refusals if not refusal.is_final]
    away = [_away(name, absent[name]) for name in shape.hosts if name in absent]
    told = [*away, *(_told(shape, host, refusal) for host, refusal in near)]
    if not told:
        return "no host that takes work now can hold it"
    more = len(told) - SHOWN_HOSTS
    return ", ".join(told[:SHOWN_HOSTS]) + (f", and {more} more hosts likewise" if more > 0 else "")


def _told(shape: Shape, host: Host, refusal: Refusal) -> str:
    opening = opening_on(shape, host)
    when = f" (expected in about {_about(opening.in_seconds)}, when {opening.after} ends)" if opening else ""
    return f"{refusal.host} {refusal.reason}{when}"


def _away(name: str, standing: str) -> str:
    return f"{name} is {standing if standing != Standing.ACTIVE else 'not connected or takes no work'}"


def _about(seconds: float) -> str:
    if seconds < 3600:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f}".removesuffix(".0") + " h"


def _unknown_targets(reservation: Reservation) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    known = dict(Agent.objects.filter(name__in=reservation.hosts).values_list("name", "standing"))
    retired = [name for name, standing in known.items() if standing in RETIRED]
    if retired:
        errors["hosts"] = [f"{', '.join(retired)} is deactivated."]
    strange = [name for name in reservation.hosts if name not in known]
    if strange:
        errors["hosts"] = [f"There is no host {', '.join(strange)}."]
    if reservation.pool and not Pool.objects.filter(name=reservation.pool).exists():
        errors["pool"] = [f"There is no pool {reservation.pool}."]
    return errors


def _shape(reservation: Reservation) -> Shape:
    return reservation_request(reservation, site_resource_names()).shape
