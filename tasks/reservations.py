"""Reservations: the only writer of Reservation.state. Which host one gets is the planner's choice."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from agents.models import Agent
from scheduler_site.shared.errors import Conflict
from tasks import allocations
from tasks.models import Reservation
from tasks.scheduling.values import Held
from tasks.states import ReservationState


@transaction.atomic
def grant(reservation: Reservation, agent: Agent, held: Held, share: float) -> None:
    """pending -> active on `agent`; Conflict when it is not pending any more."""
    now = timezone.now()
    until = reservation.until or now + timedelta(seconds=reservation.duration_seconds or 0)
    row = Reservation.objects.filter(pk=reservation.pk, state=ReservationState.PENDING)
    if row.update(state=ReservationState.ACTIVE, agent=agent, granted_at=now, until=until) != 1:
        raise Conflict(f"Reservation {reservation.pk} is not pending any more.")
    allocations.hold_for_reservation(reservation, agent, held, share)
