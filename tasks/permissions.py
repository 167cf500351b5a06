"""Who may change which task. Everyone who is signed in may read every task."""

from typing import Any

from tasks.models import Task


def may_change(user: Any, task: Task) -> bool:
    """Cancel and edit: whoever submitted the task, and staff."""
    return bool(user.is_staff or (task.submitted_by_id is not None and task.submitted_by_id == user.pk))
