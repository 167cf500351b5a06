"""The task's row under every verb: locked, compared and set, noted in the history, told on commit."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from scheduler_site.shared import statements
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict
from tasks import gangs, messages, retry_policy
from tasks.history import record
from tasks.models import SubAgent, Task
from tasks.scheduling import wakeup
from tasks.scheduling.rows import lanes
from tasks.states import TaskStatus

Where = Mapping[str, Any]  # a row and what must hold of it: scheduler_site.shared.statements


def locked(task_id: int) -> Task:
    """The task's row, locked until the transaction ends: always before those of its sub agents and dependants."""
    task = statements.instance(Task, {"pk": task_id}, locked=True)
    if task is None:
        raise Task.DoesNotExist(f"There is no task {task_id}.")
    return task


def changeable(task_id: int) -> tuple[QuerySet[Task], Task]:
    """The row, locked, of a task that is not on a host, and what it says; Conflict otherwise."""
    task = locked(task_id)
    if task.status not in (TaskStatus.BLOCKED, TaskStatus.WAITING) or task.current_fence is not None:
        where = f" on {task.agent_name}" if task.current_fence is not None else ""
        raise Conflict(f"Task {task_id} is {task.status}{where}; only a task that still waits can be changed.")
    return Task.objects.filter(pk=task_id), task


def row_of(task: Task, sub_agent: SubAgent, *statuses: TaskStatus) -> Where:
    """The task's row as long as it has one of `statuses` and this attempt is the live one."""
    fence = task.current_fence if gangs.is_of_live_attempt(task, sub_agent) else sub_agent.fence
    return {"pk": task.pk, "status": statuses, "current_fence": fence}


def waiting_again(task: Task, delay: float) -> dict[str, Any]:
    """Columns of a task that leaves its host and waits, not to be placed within `delay` seconds, and elsewhere first.
    The attempt's own row says already how it ended."""
    now = timezone.now()
    task.avoid_hosts = retry_policy.hosts_to_avoid(_attempts(task, now), now)
    return {
        **lanes.columns_of(task),
        "avoid_hosts": task.avoid_hosts,
        "status": TaskStatus.WAITING,
        "current_fence": None,
        "agent_id": "",
        "agent_name": "",
        "start_time": None,
        "result": None,
        "waiting_since": now,
        "not_before": now + timedelta(seconds=delay) if delay else None,
    }


def _attempts(task: Task, now: datetime) -> list[retry_policy.Attempt]:
    lately = SubAgent.objects.filter(task=task, ended_at__gt=now - retry_policy.AVOID_FOR)
    found = lately.values_list("agent__name", "state", "ended_at", "stop_reason")
    return [
        retry_policy.Attempt(host, state, ended_at, reason == gangs.STOPPED) for host, state, ended_at, reason in found
    ]


def update(row: Where, task_id: int, verb: str, **columns: Any) -> None:
    """The compare-and-set: exactly one row, or Conflict with what the task really is."""
    if statements.update(Task, row, **columns) != 1:
        actual = Task.objects.values_list("status", "current_fence").get(pk=task_id)
        raise Conflict(f"Cannot {verb} task {task_id}: it is {actual[0]} (fence {actual[1]}).", status=actual[0])


def note(task_id: int, verb: str, actor: Actor, old: str, new: str, reason: str, sub_agent: SubAgent) -> None:
    """A change that leaves the scheduler nothing new to do."""
    record(task_id, verb, actor=actor, old=old, new=new, reason=reason, sub_agent=sub_agent)
    messages.announce([task_id])


def note_waiting(task_id: int, verb: str, actor: Actor, old: str, reason: str, sub_agent: SubAgent) -> None:
    """A change after which the task waits again."""
    record(task_id, verb, actor=actor, old=old, new="waiting", reason=reason, sub_agent=sub_agent)
    news([task_id])


def news(task_ids: Sequence[int]) -> None:
    """Tell pages and ask for a scheduling pass; both happen only if the transaction commits."""
    messages.announce(task_ids)
    wakeup.request_pass()
