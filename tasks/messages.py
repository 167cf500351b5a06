"""News about tasks for open pages. Nudges only: bytes of output are fetched by offset."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import F

from agents import messages as agent_messages
from scheduler_site.shared import statements
from scheduler_site.shared.broadcast import is_followed, publish, publish_latest
from tasks import waiters
from tasks.describe import badges
from tasks.models import Reservation, SubAgent, Task
from tasks.states import FINAL_STATUSES, LIVE_STATES

_FIELDS = (
    "id",
    "name",
    "status",
    "held_at",
    "agent_name",
    "attempt_no",
    "priority",
    "start_time",
    "end_time",
    "execution_time",
    "current_fence",
    "cancel_requested_at",
    "retries_used",
)


def announce(task_ids: Iterable[int]) -> None:
    """The state of these tasks changed; called inside the transaction that changed it. Once it commits, open pages are
    told, and whoever waits for the end of one."""
    ids = list(task_ids)
    transaction.on_commit(lambda: _tell(ids), robust=True)


def _tell(task_ids: list[int]) -> None:
    """Nothing is read for nobody."""
    _tell_waiters([pk for pk in task_ids if waiters.are_there(pk)])
    wanted = [pk for pk in task_ids if is_followed("tasks") or is_followed(f"task-{pk}")]
    if not wanted:
        return
    tasks = list(Task.objects.filter(pk__in=wanted).only(*_FIELDS))
    live = _live_sub_agents([task.pk for task in tasks if task.current_fence is not None])
    for task in tasks:
        message = task_message(task, live.get(task.pk))
        publish("tasks", message)
        publish(f"task-{task.pk}", message)


def _tell_waiters(task_ids: list[int]) -> None:
    if task_ids:
        for task_id, status in statements.rows_among(Task, ["id", "status"], "id", task_ids):
            if status in FINAL_STATUSES:
                waiters.tell(task_id, status)


def _live_sub_agents(task_ids: list[int]) -> dict[int, SubAgent]:
    """One for each task; of a gang an unreachable one if there is any, else the leader."""
    if not task_ids:
        return {}
    rows = SubAgent.objects.filter(task__in=task_ids, state__in=LIVE_STATES)
    return {row.task_id: row for row in rows.order_by(F("unreachable_since").asc(nulls_first=True), "-rank")}


def task_message(task: Task, sub_agent: SubAgent | None = None) -> dict[str, Any]:
    return {
        "kind": "task",
        "id": task.pk,
        "name": task.name,
        "status": task.status,
        "badges": badges(task, sub_agent),
        "agent_name": task.agent_name,
        "attempt_no": task.attempt_no,
        "start_time": task.start_time.isoformat() if task.start_time else None,
        "end_time": task.end_time.isoformat() if task.end_time else None,
        "execution_time": task.execution_time,
    }


def announce_reservation(reservation: Reservation) -> None:
    """The state or the end of a reservation changed; its host's card shows it, too."""
    publish("reservations", {"kind": "reservation", "id": reservation.pk, "state": reservation.state})
    if reservation.agent is not None:
        agent_messages.announce(reservation.agent.pk, reservation.agent.status)


def announce_output(sub_agent: SubAgent, stream: str, size: int) -> None:
    """Output grew to `size` bytes: at most five messages a second for each stream."""
    task_id, attempt_no, rank = sub_agent.task_id, sub_agent.attempt_no, sub_agent.rank
    whose = {"id": task_id, "attempt_no": attempt_no, "rank": rank, "stream": stream}
    key = f"output {task_id} {attempt_no} {rank} {stream}"
    publish_latest(f"task-{task_id}", {"kind": "output", **whose, "size": size}, key=key)
