"""Delete a pool, unless somebody waits for it. All else about pools is agents.pools'."""

from django.db import transaction

from agents import pools
from agents.models import Pool
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict
from tasks.models import Reservation, Task
from tasks.states import ReservationState, TaskStatus


@transaction.atomic
def delete(pool: Pool, *, actor: Actor, reason: str = "") -> None:
    """Conflict says how many would wait for ever."""
    tasks, reservations = waiting_for(pool)
    if tasks or reservations:
        who = " and ".join(filter(None, (_counted(tasks, "task"), _counted(reservations, "reservation"))))
        wait = "waits" if tasks + reservations == 1 else "wait"
        raise Conflict(f"{who} {wait} for the pool {pool.name}: change or cancel first what waits, then delete it.")
    pools.delete(pool, actor=actor, reason=reason)


def waiting_for(pool: Pool) -> tuple[int, int]:
    """How many tasks that have not started and how many pending reservations name it."""
    not_started = (TaskStatus.BLOCKED, TaskStatus.WAITING)
    return (
        Task.objects.filter(pool=pool.name, status__in=not_started).count(),
        Reservation.objects.filter(pool=pool.name, state=ReservationState.PENDING).count(),
    )


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}" if number else ""
