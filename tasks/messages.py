"""News about tasks for open pages. Nudges only: bytes of output are fetched by offset."""

from collections.abc import Iterable
from typing import Any

from agents import messages as agent_messages
from scheduler_site.shared.broadcast import publish, publish_latest
from tasks.describe import badges
from tasks.models import Reservation, SubAgent, Task
from tasks.states import LIVE_STATES

_FIELDS = (
    "id",
    "name",
    "status",
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
    """The state of these tasks changed; called inside the transaction that changed it."""
    tasks = list(Task.objects.filter(pk__in=list(task_ids)).only(*_FIELDS))
    live = _live_sub_agents([task.pk for task in tasks if task.current_fence is not None])
    for task in tasks:
        message = task_message(task, live.get(task.pk))
        publish("tasks", message)
        publish(f"task-{task.pk}", message)


def _live_sub_agents(task_ids: list[int]) -> dict[int, SubAgent]:
    if not task_ids:
        return {}
    return {row.task_id: row for row in SubAgent.objects.filter(task__in=task_ids, state__in=LIVE_STATES)}


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


def announce_output(task_id: int, attempt_no: int, stream: str, size: int) -> None:
    """Output grew to `size` bytes: at most five messages a second for each stream."""
    message = {"kind": "output", "id": task_id, "attempt_no": attempt_no, "stream": stream, "size": size}
    publish_latest(f"task-{task_id}", message, key=f"output {task_id} {attempt_no} {stream}")


def announce_reservation(reservation: Reservation) -> None:
    """The state or the end of a reservation changed; its host's card shows it, too."""
    publish("reservations", {"kind": "reservation", "id": reservation.pk, "state": reservation.state})
    if reservation.agent is not None:
        agent_messages.announce(reservation.agent.pk, reservation.agent.status)
