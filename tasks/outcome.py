"""How one attempt ended, as a plain value. Decides what the end of an attempt means for its task; changes nothing."""

from dataclasses import dataclass, field
from typing import Any

from tasks.states import EndReason, SubAgentState, TaskStatus


@dataclass(frozen=True)
class Outcome:
    """What the finish report, or the server in its place, says about the end of a sub agent."""

    state: SubAgentState
    reason: EndReason
    detail: str = ""
    exit_code: int | None = None
    exit_signal: int | None = None
    duration_seconds: float | None = None
    cpu_seconds: float | None = None
    peak_memory_mib: int | None = None
    result: Any = None
    digest: str = ""
    sizes: dict[str, int] = field(default_factory=dict)
    may_run_again: bool = True  # false: it may still be running somewhere, so no second attempt


_TASK_STATUS = {
    SubAgentState.SUCCEEDED: TaskStatus.COMPLETED,
    SubAgentState.FAILED: TaskStatus.FAILED,
    SubAgentState.TIMED_OUT: TaskStatus.FAILED,
    SubAgentState.CANCELED: TaskStatus.CANCELED,
    SubAgentState.LOST: TaskStatus.FAILED,
}


def task_status(outcome: Outcome) -> TaskStatus:
    return _TASK_STATUS[outcome.state]


def state_of(reason: EndReason, exit_code: int | None) -> SubAgentState:
    """The sub agent's final state for a reported reason."""
    if reason == EndReason.EXIT:
        return SubAgentState.SUCCEEDED if exit_code == 0 else SubAgentState.FAILED
    if reason == EndReason.TIMEOUT:
        return SubAgentState.TIMED_OUT
    if reason == EndReason.CANCEL:
        return SubAgentState.CANCELED
    return SubAgentState.FAILED


def lost(reason: EndReason, detail: str, *, is_proven: bool) -> Outcome:
    """A sub agent that will never report. `is_proven`: its processes are known to be gone."""
    return Outcome(SubAgentState.LOST, reason, detail, may_run_again=is_proven)
