"""News about tasks for open pages. Nudges only: bytes of output are fetched by offset."""

from collections.abc import Iterable
from typing import Any

from scheduler_site.shared.broadcast import publish, publish_latest
from tasks.describe import badges
from tasks.models import Task

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
    for task in Task.objects.filter(pk__in=list(task_ids)).only(*_FIELDS):
        message = task_message(task)
        publish("tasks", message)
        publish(f"task-{task.pk}", message)


def task_message(task: Task) -> dict[str, Any]:
    return {
        "kind": "task",
        "id": task.pk,
        "name": task.name,
        "status": task.status,
        "badges": badges(task),
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
