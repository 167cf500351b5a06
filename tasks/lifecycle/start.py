"""Verb start: the script executes."""

from django.db import transaction
from django.utils import timezone

from scheduler_site.shared import statements
from scheduler_site.shared.actors import Actor
from tasks import gangs, sub_agent_lifecycle
from tasks.lifecycle import rows
from tasks.models import SubAgent, Task
from tasks.states import SubAgentState, TaskStatus


@transaction.atomic(savepoint=False)  # its report comes first to it: nothing else is lost when it fails
def start(sub_agent: SubAgent, *, pid: int | None, actor: Actor) -> Task | None:
    """waiting -> running: the script executes, in a gang its first. Returns the task, whose row is locked. Said twice,
    even at the same moment, is said once: None."""
    if sub_agent.state != SubAgentState.STARTING:
        return None
    task = rows.locked(sub_agent.task_id)
    found = statements.row(SubAgent, ["state", "digest"], {"pk": sub_agent.pk})
    sub_agent.state, sub_agent.digest = found or ("", "")
    if sub_agent.state != SubAgentState.STARTING:
        return None
    now = timezone.now()
    sub_agent_lifecycle.start(sub_agent, pid, now)
    if gangs.is_gang(task) and task.status == TaskStatus.RUNNING:
        return task
    rows.update(
        rows.row_of(task, sub_agent, TaskStatus.WAITING), task.pk, "start", status=TaskStatus.RUNNING, start_time=now
    )
    rows.note(sub_agent.task_id, "started", actor, "waiting", "running", "", sub_agent)
    task.status, task.start_time = TaskStatus.RUNNING, now
    return task
