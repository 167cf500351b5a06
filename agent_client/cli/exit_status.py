"""The exit status of a shell for the end of a task. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

FINAL_STATUSES = ("completed", "failed", "canceled")
TIME_LIMIT, CANCELED, OTHER = 124, 130, 1


def of_task(task: Mapping[str, Any]) -> int:
    """0 completed, 130 canceled, 124 time limit, 128 + signal, the script's own code, else 1."""
    if task["status"] == "completed":
        return 0
    if task["status"] == "canceled":
        return CANCELED
    if task.get("end_reason") == "timeout":
        return TIME_LIMIT
    if task.get("exit_signal"):
        return 128 + int(task["exit_signal"])
    return int(task.get("exit_code") or OTHER)


def of_all(tasks: Sequence[Mapping[str, Any]]) -> int:
    """The first that is not 0."""
    return next((status for status in map(of_task, tasks) if status), 0)
