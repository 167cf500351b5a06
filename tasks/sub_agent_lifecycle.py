"""Every change of a sub agent's state: the only writer of SubAgent.state.
Each is one filtered UPDATE that must hit one row.

Called inside the transactions of tasks.lifecycle, which knows what a change means for the task.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from scheduler_site.shared import statements
from scheduler_site.shared.errors import SubAgentClosed
from scheduler_site.shared.statements import Plus
from tasks import allocations, fair_share, just_placed
from tasks.host_ends import host_guard
from tasks.models import FenceCounter, SubAgent
from tasks.outcome import Outcome
from tasks.states import CLAIMED_STATES, SubAgentState


def assign(task_id: int, agent_id: UUID, attempt_no: int, fence: int, rank: int = 0) -> SubAgent:
    """A new sub agent, live from now on."""
    sub_agent = SubAgent(
        task_id=task_id,
        agent_id=agent_id,
        attempt_no=attempt_no,
        fence=fence,
        rank=rank,
        state=SubAgentState.ASSIGNED,
    )
    statements.insert(sub_agent)
    return sub_agent


def claim(sub_agent: SubAgent, nonce: str, boot_id: str) -> None:
    """assigned -> starting: the host accepted, in this boot of it, and may execute the script."""
    columns = {"claim_nonce": nonce, "claimed_at": timezone.now(), "boot_id": boot_id}
    _change(sub_agent, (SubAgentState.ASSIGNED,), SubAgentState.STARTING, **columns)


def accept(sub_agent: SubAgent, nonce: str, master_port: int | None) -> None:
    """Still assigned: the host takes this member of a gang, and waits for the others."""
    _change(
        sub_agent,
        (SubAgentState.ASSIGNED,),
        SubAgentState.ASSIGNED,
        claim_nonce=nonce,
        claimed_at=timezone.now(),
        master_port=master_port,
    )


def start(sub_agent: SubAgent, pid: int | None, at: datetime) -> None:
    """starting -> running: the host said that the script executes."""
    _change(sub_agent, (SubAgentState.STARTING,), SubAgentState.RUNNING, started_at=at, pid=pid)


def void(sub_agent: SubAgent, state: SubAgentState, detail: str, *, blames_host: bool = False) -> None:
    """It never executed: revoked or rejected before the claim, or not_started after it."""
    allowed = SubAgentState.STARTING if state == SubAgentState.NOT_STARTED else SubAgentState.ASSIGNED
    columns = {"ended_at": timezone.now(), "end_detail": detail[:500], "blames_host": blames_host}
    _change(sub_agent, (allowed,), state, **columns)
    allocations.release(sub_agent)
    if blames_host:
        host_guard.look_after_commit(sub_agent.agent_id)


def take_back(sub_agent: SubAgent, reason: str, detail: str) -> None:
    """assigned -> revoked for a reason that lies elsewhere: `reason` is that of a stop."""
    columns = {"ended_at": timezone.now(), "end_detail": detail[:500], "stop_reason": reason}
    _change(sub_agent, (SubAgentState.ASSIGNED,), SubAgentState.REVOKED, **columns)
    allocations.release(sub_agent)


def finish(sub_agent: SubAgent, outcome: Outcome) -> None:
    """Claimed -> final, with everything the outcome says; what it held is free, unless something
    may be left there."""
    _change(
        sub_agent,
        CLAIMED_STATES,
        outcome.state,
        ended_at=timezone.now(),
        end_reason=outcome.reason,
        end_detail=outcome.detail[:500],
        exit_code=outcome.exit_code,
        exit_signal=outcome.exit_signal,
        duration_seconds=outcome.duration_seconds,
        cpu_seconds=outcome.cpu_seconds,
        peak_memory_mib=outcome.peak_memory_mib,
        digest=outcome.digest,
        may_still_run=not outcome.may_run_again,
        oom_kind=outcome.oom_kind,
        blames_host=outcome.blames_host,
    )
    if outcome.blames_host:
        host_guard.look_after_commit(sub_agent.agent_id)
    if outcome.keeps:
        allocations.keep(sub_agent, outcome.keeps)
    else:
        allocations.release(sub_agent)
    fair_share.charge(sub_agent)


def request_stop(sub_agent: SubAgent, reason: str, *, now: bool = False) -> bool:
    """Ask the host to stop it; the first reason stays. Returns whether anything changed."""
    live = SubAgent.objects.filter(pk=sub_agent.pk, state__in=CLAIMED_STATES)
    changed = live.filter(stop_reason="").update(stop_reason=reason, stop_requested_at=timezone.now(), stop_now=now)
    if not changed and now:
        changed = live.filter(stop_now=False).update(stop_now=True)
    return bool(changed)


def _change(sub_agent: SubAgent, allowed: tuple[SubAgentState, ...], new: SubAgentState, **columns: Any) -> None:
    """Compare and set on (id, allowed states, fence); the instance shows the new values afterwards."""
    row = {"pk": sub_agent.pk, "state": allowed, "fence": sub_agent.fence}
    if SubAgentState.ASSIGNED in allowed:
        just_placed.drop(sub_agent.agent_id, sub_agent.pk)
    found = statements.updated(SubAgent, ["started_at"], row, state=new, **columns)
    if found is None:
        actual = SubAgent.objects.values_list("state", flat=True).get(pk=sub_agent.pk)
        raise SubAgentClosed(f"{sub_agent} is {actual}; it cannot become {new}.", state=actual)
    sub_agent.state, (sub_agent.started_at,) = new, found
    for name, value in columns.items():
        setattr(sub_agent, name, value)


def next_fence() -> int:
    """Global and strictly rising; the row's lock lasts until the transaction ends."""
    counted = statements.updated(FenceCounter, ["value"], {"pk": 1}, value=Plus(1))
    if counted is None:
        FenceCounter.objects.create(pk=1, value=1)
        return 1
    fence: int = counted[0]
    return fence
