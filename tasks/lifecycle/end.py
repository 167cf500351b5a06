"""A task becomes final, whichever verb ends it."""

from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.failpoints import fail_at
from tasks.history import record
from tasks.lifecycle import rows
from tasks.lifecycle.dependants import settle_dependants
from tasks.models import Task


def end(
    row: rows.Where, task: Task, status: str, reason: str, detail: str, actor: Actor, sub_agent: Any, **columns: Any
) -> None:
    """Make a task final and settle whoever depends on it."""
    rows.update(
        row,
        task.pk,
        "end",
        status=status,
        current_fence=None,
        held_at=None,
        held_reason="",
        end_time=timezone.now(),
        end_reason=reason,
        end_detail=detail[:500],
        **columns,
    )
    record(task.pk, "ended", actor=actor, old=task.status, new=status, reason=detail or reason, sub_agent=sub_agent)
    transaction.on_commit(partial(fail_at, "end.before_news"))
    rows.news([task.pk, *settle_dependants([task.pk])])
