"""Write rows of a task's history. Does not decide anything."""

from collections.abc import Iterable
from typing import Any

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.audit import history_fields
from tasks.models import TaskEvent


def record(
    task_id: int,
    verb: str,
    *,
    actor: Actor,
    old: str = "",
    new: str = "",
    reason: str = "",
    sub_agent: Any = None,
    **detail: Any,
) -> None:
    fields = history_fields(actor, verb, old, new, reason, **detail)
    TaskEvent.objects.create(task_id=task_id, sub_agent_id=getattr(sub_agent, "pk", sub_agent), **fields)


def record_many(task_ids: Iterable[int], verb: str, *, actor: Actor, old: str, new: str, reason: str = "") -> None:
    fields = history_fields(actor, verb, old, new, reason)
    TaskEvent.objects.bulk_create([TaskEvent(task_id=task_id, **fields) for task_id in task_ids])
