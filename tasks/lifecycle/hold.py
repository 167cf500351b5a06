"""Verbs hold and release: a task that is not on a host is kept from being placed, until somebody lets it go."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from scheduler_site.shared.actors import Actor
from tasks.history import record
from tasks.lifecycle import rows
from tasks.models import Task
from tasks.states import TaskStatus


@transaction.atomic
def hold(task_id: int, *, actor: Actor, reason: str = "") -> Task:
    """Also one that is blocked: it goes on waiting for others, and stays held then. Said again, it changes nothing."""
    row, task = rows.changeable(task_id)
    if task.held_at is None:
        row.update(**held_columns(reason or f"by {actor.name}"))
        record(task_id, "held", actor=actor, reason=reason)
        rows.news([task_id])
    task.refresh_from_db()
    return task


@transaction.atomic
def release(task_id: int, *, actor: Actor, reason: str = "") -> Task:
    """It waits from now on, and its void attempts are forgiven. Of a task that is not held nothing changes."""
    row, task = rows.changeable(task_id)
    if task.held_at is not None:
        since = timezone.now() if task.status == TaskStatus.WAITING else task.waiting_since
        row.update(held_at=None, held_reason="", voids=0, not_before=None, waiting_since=since)
        record(task_id, "released", actor=actor, reason=reason)
        rows.news([task_id])
    task.refresh_from_db()
    return task


def held_columns(reason: str) -> dict[str, Any]:
    return {"held_at": timezone.now(), "held_reason": reason[:300]}
