"""Reservations: the only writer of Reservation.state. Which host one gets is the planner's choice.

One verb, one transaction: the host's row is locked first, as in scheduling/place.py, then the reservation's; a filtered
UPDATE on (id, state) that must hit one row, what was held given back, its tasks let out, the history row, pages and the
scheduler told on commit. Who may call is the callers' business; when something is overdue, reservation_deadlines says.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM, Actor
from scheduler_site.shared.errors import Conflict
from tasks import allocations, fair_share, messages
from tasks.history import record_reservation
from tasks.models import Reservation
from tasks.reserving import reservation_fields, reservation_outlook, reservation_tasks
from tasks.reserving.reservation_fields import InvalidReservation
from tasks.scheduling import changes
from tasks.scheduling.values import Held
from tasks.states import ReservationState

__all__ = ["InvalidReservation", "create", "expire", "extend", "grant", "release", "time_out"]


@transaction.atomic
def create(fields: dict[str, Any], *, actor: Actor, user: Any = None) -> Reservation:
    """A pending reservation. InvalidReservation names every wrong field, also when no known host could ever hold it."""
    values = reservation_fields.clean(fields, timezone.now())
    row = Reservation(submitted_by=user, **values)
    reservation_outlook.refuse_impossible(row)
    row.save(force_insert=True)
    _tell(row, "reserved", actor, "")
    return row


@transaction.atomic
def grant(reservation: Reservation, agent: Agent, held: Held, share: float) -> None:
    """pending -> active on `agent`; Conflict when it is not pending any more. The caller holds the host's lock."""
    now = timezone.now()
    if reservation.wait_until <= now:
        raise Conflict(f"Reservation {reservation.pk} has waited its time.")
    until = reservation.until or now + timedelta(seconds=reservation.duration_seconds or 0)
    _update(
        reservation,
        ReservationState.PENDING,
        state=ReservationState.ACTIVE,
        agent=agent,
        granted_at=now,
        until=until,
    )
    allocations.hold_for_reservation(reservation, agent, held, share)
    _tell(reservation, "granted", SYSTEM, "pending", f"on {agent.name}")


def release(reservation_id: int, *, actor: Actor, reason: str = "") -> Reservation:
    """Give back early: an active one is released, a pending one canceled. Conflict when it has ended."""
    with transaction.atomic():
        row = _locked(reservation_id)
        if row.state == ReservationState.PENDING:
            return _end(row, ReservationState.CANCELED, "canceled", actor, reason or f"Canceled by {actor.name}.")
        return _end(row, ReservationState.RELEASED, "released", actor, reason or f"Released by {actor.name}.")


def expire(reservation_id: int) -> None:
    """active -> expired, once its end has come. Conflict when somebody was faster or has put the end off."""
    with transaction.atomic():
        row = _locked(reservation_id)
        if row.state != ReservationState.ACTIVE or row.until is None or row.until > timezone.now():
            raise Conflict(f"{row} does not expire now.")
        _end(row, ReservationState.EXPIRED, "expired", SYSTEM, "Held until its end.")


def time_out(reservation_id: int) -> None:
    """pending -> timed out, once it has waited as long as it should; says what was missing at that moment."""
    with transaction.atomic():
        row = _locked(reservation_id)
        if row.state != ReservationState.PENDING or row.wait_until > timezone.now():
            raise Conflict(f"{row} does not time out now.")
        detail = f"Found no room in time. {reservation_outlook.missing(row)}"
        _end(row, ReservationState.TIMED_OUT, "timed_out", SYSTEM, detail)


@transaction.atomic
def extend(reservation_id: int, until: datetime, *, actor: Actor) -> Reservation:
    """Change the end of a pending or active one, to any moment that is still to come."""
    row = _locked(reservation_id)
    reservation_fields.check_until(until, timezone.now())
    wait_until = min(row.wait_until, until)
    _update(row, row.state if row.is_open else "open", until=until, wait_until=wait_until)
    _tell(row, "extended", actor, row.state, f"until {until:%Y-%m-%d %H:%M:%S} UTC")
    return row


def _locked(reservation_id: int) -> Reservation:
    """The row, with its host's locked before it if it has one: a placement holds the host's lock until it is done."""
    host = Reservation.objects.values_list("agent_id", flat=True).get(pk=reservation_id)
    if host is not None:
        Agent.objects.select_for_update(no_key=True).get(pk=host)
    return Reservation.objects.select_for_update(no_key=True).get(pk=reservation_id)


def _end(row: Reservation, state: ReservationState, verb: str, actor: Actor, detail: str) -> Reservation:
    old = row.state if row.is_open else "open"
    _update(row, old, state=state, ended_at=timezone.now(), end_detail=detail[:500])
    allocations.release_reservation(row)
    fair_share.charge_reservation(row)
    reservation_tasks.let_out(row, actor)
    _tell(row, verb, actor, old, detail)
    return row


def _update(row: Reservation, old: str, **columns: Any) -> None:
    """The compare-and-set: exactly one row, or Conflict with what the reservation really is."""
    if Reservation.objects.filter(pk=row.pk, state=old).update(**columns) != 1:
        state = Reservation.objects.values_list("state", flat=True).get(pk=row.pk)
        words = state.replace("_", " ")
        raise Conflict(f"Reservation {row.pk} is {words}.", status=state)
    row.refresh_from_db()


def _tell(row: Reservation, verb: str, actor: Actor, old: str, reason: str = "") -> None:
    record_reservation(row.pk, verb, actor=actor, old=old, new=row.state, reason=reason)
    messages.announce_reservation(row)
    changes.of_site()
