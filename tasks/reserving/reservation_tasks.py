"""Tasks that wait inside a reservation are let out when it ends (docs/decisions/023). Changes no status.

Whoever waits goes on waiting like any other task, whoever runs goes on with what it holds; each says so in its history.
"""

from django.db.models import QuerySet

from scheduler_site.shared.actors import Actor
from tasks import messages
from tasks.history import record_many
from tasks.models import Reservation, Task
from tasks.scheduling import changes
from tasks.scheduling.rows import lanes
from tasks.states import OPEN_STATUSES

MOST_NEWS = 500


def let_out(reservation: Reservation, actor: Actor) -> list[int]:
    """Ids of the tasks that stood inside, blocked, waiting or running."""
    inside = Task.objects.filter(reservation=reservation, status__in=OPEN_STATUSES)
    ids = list(inside.order_by("pk").values_list("pk", flat=True))
    for lane in set(inside.values_list("lane", flat=True)):
        _change_lane(inside.filter(lane=lane))
    reason = f"reservation {reservation.pk} {reservation.state.replace('_', ' ')}; it goes on like any other task"
    record_many(ids, "let_out", actor=actor, old="", new="", reason=reason)
    messages.announce(ids[:MOST_NEWS])
    changes.of_site()
    return ids


def _change_lane(alike: QuerySet[Task]) -> None:
    """Tasks of one lane differ in nothing that counts for the next one, so that one of them speaks for all."""
    task = alike.first()
    if task is None:
        return
    task.reservation = None
    alike.update(reservation=None, lane=lanes.columns_of(task)["lane"])
