"""Verb submit: a new, checked task is stored, blocked or waiting."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from scheduler_site.shared.actors import Actor
from tasks.history import record
from tasks.lifecycle import rows
from tasks.lifecycle.edges import add_dependencies
from tasks.models import Task
from tasks.scheduling.rows import lanes
from tasks.states import TaskStatus, dependency_verdict


@transaction.atomic
def submit(task: Task, dependencies: Sequence[tuple[Task, str]], *, actor: Actor) -> Task:
    """Store a new, checked task: blocked while a dependency is open, else waiting.
    Dependencies are locked by the caller."""
    task.unmet = sum(dependency_verdict(kind, other.status) is None for other, kind in dependencies)
    task.status = TaskStatus.BLOCKED if task.unmet else TaskStatus.WAITING
    task.waiting_since = None if task.unmet else timezone.now()
    for name, value in lanes.columns_of(task).items():
        setattr(task, name, value)
    task.save(force_insert=True)
    add_dependencies(task.pk, dependencies)
    record(task.pk, "submitted", actor=actor, new=task.status)
    rows.news([task.pk])
    return task
