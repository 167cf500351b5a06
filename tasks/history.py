"""Write rows of the history of a task or a reservation, and the same as lines of the server's log. Decides nothing."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from scheduler_site.shared import statements
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.audit import history_fields
from tasks.models import ReservationEvent, TaskEvent

log = logging.getLogger(__name__)

AT_ONCE = 100  # rows in one statement


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
    sub_agent_id = getattr(sub_agent, "pk", sub_agent)
    statements.insert(TaskEvent(task_id=task_id, sub_agent_id=sub_agent_id, **fields))
    _log(verb, task_id, actor, new, reason, sub_agent_id, getattr(sub_agent, "agent_id", None))


def record_new(states: Mapping[int, str], *, actor: Actor) -> None:
    """Tasks that were submitted, with the status of each."""
    events = [
        TaskEvent(task_id=task_id, **history_fields(actor, "submitted", new=status))
        for task_id, status in states.items()
    ]
    for first in range(0, len(events), AT_ONCE):
        statements.insert(*events[first : first + AT_ONCE])
    for task_id, status in states.items():
        _log("submitted", task_id, actor, status, "", None, None)


def record_many(task_ids: Iterable[int], verb: str, *, actor: Actor, old: str, new: str, reason: str = "") -> None:
    record_each(dict.fromkeys(task_ids, reason), verb, actor=actor, old=old, new=new)


def record_each(reasons: Mapping[int, str], verb: str, *, actor: Actor, old: str, new: str) -> None:
    """The same change of many tasks, each with its own reason."""
    TaskEvent.objects.bulk_create(
        TaskEvent(task_id=task_id, **history_fields(actor, verb, old, new, reason))
        for task_id, reason in reasons.items()
    )
    for task_id, reason in reasons.items():
        _log(verb, task_id, actor, new, reason, None, None)


def _log(verb: str, task_id: int, actor: Actor, new: str, reason: str, sub_agent_id: Any, agent_id: Any) -> None:
    """After commit: the log never tells of what did not happen."""
    line = "task_%s task_id=%s to=%s actor=%r reason=%r"
    values = [verb, task_id, str(new), actor.name, str(reason)]
    if sub_agent_id:
        line += " sub_agent_id=%s agent_id=%s"
        values += [sub_agent_id, agent_id or ""]
    transaction.on_commit(lambda: log.info(line, *values))


def record_reservation(
    reservation_id: int, verb: str, *, actor: Actor, old: str = "", new: str = "", reason: str = ""
) -> None:
    fields = history_fields(actor, verb, old, new, reason)
    ReservationEvent.objects.create(reservation_id=reservation_id, **fields)
    values = (verb, reservation_id, str(new), actor.name, str(reason))
    line = "reservation_%s reservation_id=%s to=%s actor=%r reason=%r"
    transaction.on_commit(lambda: log.info(line, *values))
