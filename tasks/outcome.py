"""How one attempt ended, as a plain value. Decides what the end of an attempt means for its task; changes nothing."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from tasks.states import EndReason, Kept, SubAgentState, TaskStatus

RETRY_DELAY_SECONDS = 2.0
LONGEST_DELAY_SECONDS = 300.0


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
    oom_kind: str = ""  # out of whose memory: "gpu" or "host"
    oom_evidence: str = ""
    is_host_fault: bool = False  # of a script that could not be started: the host's doing, not the script's
    keeps: Kept | None = None  # something of it may be left: what it holds stays held
    may_run_again: bool = True  # false: it may still be running somewhere, so no second attempt

    @property
    def blames_host(self) -> bool:
        """Whether the host, and not the script or its user, is to blame."""
        return self.reason in HOST_FAULTS or self.is_host_fault


HOST_FAULTS = (EndReason.SUB_LOST, EndReason.DISK_FULL)

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


def lost(reason: EndReason, detail: str, *, is_proven: bool, keeps: Kept | None = None) -> Outcome:
    """A sub agent that will never report. `is_proven`: its processes are known to be gone."""
    return Outcome(SubAgentState.LOST, reason, detail, may_run_again=is_proven, keeps=keeps)


def pause_seconds(earlier: int) -> float:
    """Each earlier time doubles the pause before the next."""
    return min(LONGEST_DELAY_SECONDS, RETRY_DELAY_SECONDS * 2.0 ** min(earlier, 10))


def result_columns(outcome: Outcome, started_at: datetime | None) -> dict[str, Any]:
    """What the end of its last attempt leaves on the task."""
    return {
        "exit_code": outcome.exit_code,
        "exit_signal": outcome.exit_signal,
        "execution_time": outcome.duration_seconds,
        "result": outcome.result,
        "start_time": started_at or _start_of(outcome),
    }


def _start_of(outcome: Outcome) -> datetime | None:
    """The start of a script whose start and end came in one report."""
    if outcome.duration_seconds is None:
        return None
    return timezone.now() - timedelta(seconds=outcome.duration_seconds)
