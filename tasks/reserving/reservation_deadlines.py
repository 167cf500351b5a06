"""What of reservations is overdue, looked at once a second by the reaper (tasks.recovery). What to do is
tasks.reserving.reservations' and tasks.reserving.reservation_tasks' business.

Each end is a transaction of its own that looks again; one that somebody changed meanwhile is left alone.
"""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from agents.states import RETIRED
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import DomainError
from tasks.models import Reservation
from tasks.reserving import reservation_tasks, reservations
from tasks.states import OPEN_RESERVATION_STATES, OPEN_STATUSES, ReservationState

log = logging.getLogger(__name__)

LATE_SECONDS = 600.0


def end_overdue() -> None:
    """Held until its end: expired. Found no room in time: timed out. On a host that is out of service: released."""
    now = timezone.now()
    due = Q(state=ReservationState.ACTIVE, until__lte=now) | Q(state=ReservationState.PENDING, wait_until__lte=now)
    gone = Q(state=ReservationState.ACTIVE, agent__standing__in=RETIRED)
    rows = Reservation.objects.filter(due | gone, state__in=OPEN_RESERVATION_STATES).select_related("agent")
    for row in rows.order_by("pk"):
        try:
            _end(row)
        except DomainError as error:
            log.info("expiry_superseded detail=%r", error.detail)


def let_out_late_comers() -> None:
    """Tasks that were submitted into a reservation at the very moment of its end."""
    since = timezone.now() - timedelta(seconds=LATE_SECONDS)
    ended = Reservation.objects.filter(ended_at__gt=since, tasks__status__in=OPEN_STATUSES).distinct()
    for row in ended:
        with transaction.atomic():
            reservation_tasks.let_out(row, SYSTEM)


def _end(row: Reservation) -> None:
    if row.state == ReservationState.PENDING:
        reservations.time_out(row.pk)
    elif row.agent is not None and row.agent.standing in RETIRED:
        reservations.release(row.pk, actor=SYSTEM, reason=f"{row.agent.name} was deactivated.")
    else:
        reservations.expire(row.pk)
