"""Verb submit: new, checked tasks are stored, blocked or waiting."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from scheduler_site.shared import statements
from scheduler_site.shared.actors import Actor
from tasks.history import record_new
from tasks.lifecycle import rows
from tasks.lifecycle.edges import add_dependencies
from tasks.models import Task
from tasks.scheduling.rows import lanes
from tasks.states import TaskStatus, dependency_verdict

AT_ONCE = 100
Dependencies = Sequence[tuple[Task, str]]


def submit(task: Task, dependencies: Dependencies, *, actor: Actor) -> Task:
    """Store a new, checked task: blocked while a dependency is open, else waiting.
    Dependencies are locked by the caller."""
    return submit_all([(task, dependencies)], actor=actor)[0]


@transaction.atomic(savepoint=False)  # whoever calls it within a larger one does not go on without it
def submit_all(new: Sequence[tuple[Task, Dependencies]], *, actor: Actor) -> list[Task]:
    """The same for many: all or none. They may depend on such as come before them."""
    for task, dependencies in new:
        _begin(task, dependencies)
    tasks = [task for task, _ in new]
    for first in range(0, len(tasks), AT_ONCE):
        statements.insert(*tasks[first : first + AT_ONCE])
    for task, dependencies in new:
        if dependencies:
            add_dependencies(task.pk, dependencies)
    record_new({task.pk: task.status for task in tasks}, actor=actor)
    rows.news([task.pk for task in tasks])
    return tasks


def _begin(task: Task, dependencies: Dependencies) -> None:
    task.unmet = sum(dependency_verdict(kind, other.status) is None for other, kind in dependencies)
    task.status = TaskStatus.BLOCKED if task.unmet else TaskStatus.WAITING
    task.waiting_since = None if task.unmet else timezone.now()
    for name, value in lanes.columns_of(task).items():
        setattr(task, name, value)
