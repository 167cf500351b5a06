"""Verb cancel: at once before a host accepted, else a request to the host."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from agents import doorbell
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict
from tasks import gangs, messages, sub_agent_lifecycle
from tasks.history import record
from tasks.lifecycle import rows
from tasks.lifecycle.end import end
from tasks.lifecycle.force import by_force
from tasks.models import SubAgent, Task
from tasks.states import LIVE_STATES, EndReason, SubAgentState, TaskStatus


@transaction.atomic
def cancel(task_id: int, *, actor: Actor, reason: str = "", kill_now: bool = False, force: bool = False) -> Task:
    """Not claimed yet: canceled at once, never executed. Claimed: the host is asked to stop it, and `kill_now` skips
    the grace. Asking again in the same words changes nothing, so that a repeated request kills nobody. `force`: do not
    wait for the answer of a host that is not heard."""
    task = rows.locked(task_id)
    if task.is_final:
        raise Conflict(f"Task {task_id} has ended already: {task.status}.", status=task.status)
    live = list(SubAgent.objects.filter(task=task, state__in=LIVE_STATES))
    if any(sub_agent.state != SubAgentState.ASSIGNED for sub_agent in live):
        return by_force(task, live, actor, reason) if force else _request_cancel(task, live, actor, reason, kill_now)
    for sub_agent in live:
        sub_agent_lifecycle.void(sub_agent, SubAgentState.REVOKED, "canceled before the host accepted")
        doorbell.ring(sub_agent.agent_id)
    row = {"pk": task_id, "status": task.status, "current_fence": task.current_fence}
    end(row, task, TaskStatus.CANCELED, EndReason.CANCEL, reason, actor, next(iter(live), None))
    task.refresh_from_db()
    return task


def _request_cancel(task: Task, live: Sequence[SubAgent], actor: Actor, reason: str, kill_now: bool) -> Task:
    detail = "canceled before all hosts had begun"
    changed = [gangs.end_member(member, EndReason.CANCEL, detail, now=kill_now) for member in live]
    if not any(changed) and task.cancel_requested_at:
        return task
    if task.cancel_requested_at is None:
        task.cancel_requested_at, task.cancel_reason = timezone.now(), reason[:300]
        task.save(update_fields=["cancel_requested_at", "cancel_reason"])
    record(task.pk, "cancel_requested", actor=actor, reason=reason, sub_agent=live[0], now=kill_now)
    messages.announce([task.pk])
    return task
