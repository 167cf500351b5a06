"""Gangs: what the members of one attempt over several hosts mean for each other. Stops and takes back members.

The task itself is tasks.lifecycle's, which calls this inside its transactions, with the task's row locked. Two rules:
no member is granted before every host has accepted its own, and once one member cannot go on none of them does.
"""

from dataclasses import replace

from django.db.models import QuerySet
from django.utils import timezone

from agents import doorbell
from tasks import sub_agent_lifecycle
from tasks.describe import how_it_ended
from tasks.models import SubAgent, Task
from tasks.outcome import Outcome
from tasks.states import LIVE_STATES, VOID_STATES, EndReason, SubAgentState

STOPPED = "gang"  # SubAgent.stop_reason of a member that had to end because another one did


def is_gang(task: Task) -> bool:
    return task.node_count > 1


def is_of_live_attempt(task: Task, sub_agent: SubAgent) -> bool:
    """The task's fence is the leader's; another member is of the live attempt if its number is."""
    if is_gang(task):
        return task.current_fence is not None and task.attempt_no == sub_agent.attempt_no
    return task.current_fence == sub_agent.fence


def accept(sub_agent: SubAgent, nonce: str, master_port: int | None) -> bool:
    """The host takes its member. True once all hosts have: from then on each may start its own when it asks again.

    The port is kept as it was once the first member may have been told.
    """
    others = _members(sub_agent).filter(state=SubAgentState.ASSIGNED).exclude(pk=sub_agent.pk)
    is_open = not others.filter(claim_nonce="").exists()
    if is_open and sub_agent.claim_nonce == nonce:
        return True
    port = sub_agent.master_port if is_open and sub_agent.master_port else master_port
    sub_agent_lifecycle.accept(sub_agent, nonce, port)
    if is_open:
        for agent_id in others.values_list("agent_id", flat=True):
            doorbell.ring(agent_id)
    return is_open


def break_up(culprit: SubAgent) -> None:
    """One member cannot go on: those that nobody may have started are taken back, the others are asked to stop."""
    detail = sentence(culprit)
    for member in _members(culprit).filter(state__in=LIVE_STATES).exclude(pk=culprit.pk):
        end_member(member, STOPPED, detail)


def end_member(member: SubAgent, reason: str, detail: str, *, now: bool = False) -> bool:
    """Take it back if its host was not granted it yet, else ask for its stop. Returns whether anything changed."""
    if member.state == SubAgentState.ASSIGNED:
        sub_agent_lifecycle.take_back(member, STOPPED, detail)
        changed = True
    else:
        changed = sub_agent_lifecycle.request_stop(member, reason, now=now)
    if changed:
        doorbell.ring(member.agent_id)
    return changed


def explained(sub_agent: SubAgent, outcome: Outcome) -> Outcome:
    """The outcome of a member that was stopped for another one's sake says for whose."""
    sub_agent.refresh_from_db(fields=["stop_reason"])
    if sub_agent.stop_reason != STOPPED or outcome.reason != EndReason.CANCEL:
        return outcome
    cause = culprit_of(members_of(sub_agent))
    return replace(outcome, detail=f"Stopped, because {sentence(cause)}." if cause else outcome.detail)


def members_of(sub_agent: SubAgent) -> list[SubAgent]:
    """All members of its attempt, in the order of their ranks, with their hosts."""
    return list(_members(sub_agent).select_related("agent").order_by("rank"))


def culprit_of(members: list[SubAgent]) -> SubAgent | None:
    """The member that ended first without success; one that was only stopped or taken back for it does not count, and
    one that executed counts before one that never did."""
    found = [
        member
        for member in members
        if not member.is_live and member.state != SubAgentState.SUCCEEDED and member.stop_reason != STOPPED
    ]
    return min(found, key=_earliest, default=None)


def outcome_of(members: list[SubAgent], task: Task) -> tuple[SubAgent, Outcome]:
    """What the ended members are together, and whose end that is: the culprit's, else the leader's."""
    culprit = culprit_of(members)
    decisive = culprit or members[0]
    detail = decisive.end_detail
    if culprit is not None and culprit.state != SubAgentState.CANCELED:
        detail = sentence(culprit)
    outcome = Outcome(
        state=SubAgentState(decisive.state),
        reason=EndReason(decisive.end_reason or EndReason.SPAWN_ERROR),
        detail=detail,
        exit_code=decisive.exit_code,
        exit_signal=decisive.exit_signal,
        duration_seconds=decisive.duration_seconds,
        peak_memory_mib=decisive.peak_memory_mib,
        oom_kind=decisive.oom_kind,
        result=task.result,
        may_run_again=not any(member.may_still_run for member in members),
    )
    return decisive, _executed(outcome, task) if decisive.state in VOID_STATES else outcome


def are_void(members: list[SubAgent]) -> bool:
    """None of them ever executed."""
    return all(member.state in VOID_STATES for member in members)


def sentence(member: SubAgent) -> str:
    """Such as: rank 2 on gpu-3 failed: exit code 1."""
    return f"rank {member.rank} on {member.agent.name} {how_it_ended(member)}"


def _members(sub_agent: SubAgent) -> QuerySet[SubAgent]:
    return SubAgent.objects.filter(task=sub_agent.task_id, attempt_no=sub_agent.attempt_no)


def _earliest(member: SubAgent) -> tuple[bool, float, int]:
    ended_at = member.ended_at or timezone.now()
    return (member.state in VOID_STATES, ended_at.timestamp(), member.rank)


def _executed(outcome: Outcome, task: Task) -> Outcome:
    """One member never started although others did: that is a failure, or the end of a cancel."""
    if task.cancel_requested_at is not None:
        return replace(outcome, state=SubAgentState.CANCELED, reason=EndReason.CANCEL, detail="")
    return replace(outcome, state=SubAgentState.FAILED, reason=EndReason.SPAWN_ERROR)
