"""Verbs edit and depend_on: a task that is not on a host yet changes."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from scheduler_site.shared.actors import Actor
from tasks.history import record
from tasks.lifecycle import rows
from tasks.lifecycle.edges import add_dependencies
from tasks.models import Dependency, Task
from tasks.scheduling.rows import lanes
from tasks.states import TaskStatus


@transaction.atomic
def edit(task_id: int, changes: dict[str, Any], *, actor: Actor) -> Task:
    """Change checked columns of a task that is not on a host yet. What it grew by gives way."""
    row, task = rows.changeable(task_id)
    row.update(**changes, grown={name: value for name, value in task.grown.items() if name not in changes})
    row.update(**lanes.columns_of(Task.objects.get(pk=task_id)))
    changed = sorted(name for name, value in changes.items() if getattr(task, name) != value)
    record(task_id, "edited", actor=actor, reason=", ".join(changed))
    rows.news([task_id])
    return Task.objects.get(pk=task_id)


@transaction.atomic
def depend_on(task_id: int, dependencies: Sequence[tuple[Task, str]], *, actor: Actor) -> None:
    """Replace the dependencies of a task that is not on a host yet; it blocks or waits accordingly."""
    row, task = rows.changeable(task_id)
    Dependency.objects.filter(task_id=task_id).delete()
    unmet = add_dependencies(task_id, dependencies)
    status = TaskStatus.BLOCKED if unmet else TaskStatus.WAITING
    row.update(status=status, unmet=unmet, waiting_since=None if unmet else task.waiting_since or timezone.now())
    after = ", ".join(f"{kind} #{other.pk}" for other, kind in dependencies) or "nothing"
    record(task_id, "edited", actor=actor, old=task.status, new=status, reason=f"depends on {after}")
    rows.news([task_id])
