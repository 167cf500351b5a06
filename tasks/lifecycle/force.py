"""Cancel by force: the end of a task whose host is not heard. Inside the transaction of cancel.

Nobody knows whether the script still runs there, so what it holds stays held until the host says that nothing is left.
"""

from collections.abc import Sequence

from django.utils import timezone

from agents.states import Connectivity
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict
from tasks import sub_agent_lifecycle
from tasks.history import record
from tasks.lifecycle.end import end
from tasks.models import SubAgent, Task
from tasks.outcome import Outcome
from tasks.output import logs
from tasks.reporting import usage
from tasks.states import EndReason, Kept, SubAgentState, TaskStatus


def by_force(task: Task, live: Sequence[SubAgent], actor: Actor, reason: str) -> Task:
    """Conflict while any of its hosts, or its sub agent there, is heard."""
    for member in live:
        if member.state != SubAgentState.ASSIGNED and _is_heard(member):
            raise Conflict(
                f"{member.agent.name} is heard; it is asked to stop task {task.pk}, and force is not needed."
            )
    for member in live:
        _end_member(member)
    detail = f"{live[0].agent.name} is not heard, so it is not known whether the script has ended there."
    record(task.pk, "forced", actor=actor, reason=reason, sub_agent=live[0])
    row = {"pk": task.pk, "status": task.status, "current_fence": task.current_fence}
    asked_at, why = task.cancel_requested_at or timezone.now(), task.cancel_reason or reason[:300]
    columns = {"cancel_requested_at": asked_at, "cancel_reason": why}
    end(row, task, TaskStatus.CANCELED, EndReason.CANCEL, detail, actor, live[0], **columns)
    task.refresh_from_db()
    return task


def _is_heard(member: SubAgent) -> bool:
    is_away = member.agent.connectivity == Connectivity.UNREACHABLE and member.unreachable_since is not None
    return not is_away or usage.was_heard(member.pk)


def _end_member(member: SubAgent) -> None:
    if member.state == SubAgentState.ASSIGNED:
        sub_agent_lifecycle.void(member, SubAgentState.REVOKED, "canceled before the host accepted")
        return
    detail = f"Canceled by force while {member.agent.name} was not heard."
    outcome = Outcome(SubAgentState.LOST, EndReason.CANCEL, detail, keeps=Kept.UNCONFIRMED, may_run_again=False)
    sub_agent_lifecycle.finish(member, outcome)
    logs.begin_draining(member, {})
