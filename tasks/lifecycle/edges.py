"""Rows of what a task depends on, written for submit and depend_on."""

from collections.abc import Sequence

from tasks.models import Dependency, Task
from tasks.states import dependency_verdict


def add_dependencies(task_id: int, dependencies: Sequence[tuple[Task, str]]) -> int:
    """Returns how many of them are open."""
    verdicts = [(other, kind, dependency_verdict(kind, other.status)) for other, kind in dependencies]
    Dependency.objects.bulk_create(
        Dependency(task_id=task_id, depends_on=other, kind=kind, is_satisfied=verdict is True)
        for other, kind, verdict in verdicts
    )
    return sum(verdict is None for _, _, verdict in verdicts)
