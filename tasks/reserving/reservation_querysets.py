"""Reads of reservations with what lists and details show, in a bounded number of queries. Writes nothing."""

from django.db.models import Count, Prefetch, Q, QuerySet

from tasks.models import AllocatedGpu, Reservation
from tasks.states import OPEN_RESERVATION_STATES, OPEN_STATUSES, ReservationState


def for_lists() -> QuerySet[Reservation]:
    """With owner, host, what is held and how many open tasks name it (`open_tasks`); newest first."""
    rows = Reservation.objects.select_related("submitted_by", "agent", "allocation").defer(
        "agent__host_facts", "agent__gpu_info"
    )
    cards = AllocatedGpu.objects.select_related("gpu").order_by("gpu__index")
    return (
        rows.prefetch_related(Prefetch("allocation__gpus", queryset=cards))
        .annotate(open_tasks=Count("tasks", filter=Q(tasks__status__in=OPEN_STATUSES)))
        .order_by("-pk")
    )


def open_ones() -> QuerySet[Reservation]:
    return for_lists().filter(state__in=OPEN_RESERVATION_STATES)


def on_hosts() -> QuerySet[Reservation]:
    """Those that hold something now, by their end."""
    return for_lists().filter(state=ReservationState.ACTIVE).order_by("until", "pk")
