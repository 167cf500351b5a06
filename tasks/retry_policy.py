"""May an attempt that failed be repeated, and on which hosts not at first? Pure: a task's wishes and an end in, a
verdict out. What a retry changes is tasks.lifecycle's; when it may start is tasks.outcome.pause_seconds.

Attempts that provably never executed are not asked about here: they are placed again for free.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tasks.outcome import Outcome
from tasks.states import VOID_STATES, EndReason, FailureClass, SubAgentState

AVOID_FOR = timedelta(hours=1)
MOST_AVOIDED = 20

CLASS_OF = {
    EndReason.EXIT: FailureClass.SCRIPT,
    EndReason.SIGNAL: FailureClass.SIGNAL,
    EndReason.TIMEOUT: FailureClass.TIMEOUT,
    EndReason.OOM: FailureClass.OOM,
    EndReason.SPAWN_ERROR: FailureClass.SPAWN,
    EndReason.DISK_FULL: FailureClass.DISK,
    EndReason.SUB_LOST: FailureClass.HOST,
    EndReason.HOST_REBOOTED: FailureClass.HOST,
    EndReason.NO_RECORD: FailureClass.HOST,
    EndReason.FENCED: FailureClass.HOST,
    EndReason.HOST_LOST: FailureClass.HOST_LOST,
}
"""What is not listed (canceled, unkillable, a dependency) is never repeated."""

BY_DEFAULT = frozenset(FailureClass) - {FailureClass.HOST_LOST}


@dataclass(frozen=True)
class RetryPolicy:
    """`classes`: failures that are repeated. `exit_codes`: of the scripts that failed by themselves only these; empty:
    any."""

    retries: int = 0
    classes: frozenset[str] = BY_DEFAULT
    exit_codes: frozenset[int] = frozenset()

    def covers(self, outcome: Outcome) -> bool:
        """What may still be running somewhere is never repeated, whatever was asked for: whoever fences it says in
        the outcome that it is over."""
        if not outcome.may_run_again or self.classes.isdisjoint(classes_of(outcome)):
            return False
        by_itself = outcome.reason == EndReason.EXIT
        return not (by_itself and self.exit_codes) or outcome.exit_code in self.exit_codes

    def may_retry(self, outcome: Outcome, used: int) -> bool:
        return used < self.retries and self.covers(outcome)

    @property
    def replaces_lost_hosts(self) -> bool:
        """Its user wants another attempt although nobody can prove that the host is dead: only a script that ends by
        itself without contact may be replaced so."""
        return FailureClass.HOST_LOST in self.classes


def policy_of(task: Any) -> RetryPolicy:
    """`retries` alone means every class but `host_lost`."""
    classes = frozenset(task.retry_on) or BY_DEFAULT
    return RetryPolicy(task.retries, classes, frozenset(task.retry_exit_codes))


def classes_of(outcome: Outcome) -> frozenset[FailureClass]:
    """A lost host of which it is known that nothing runs there any more has failed like any other."""
    kind = CLASS_OF.get(outcome.reason)
    if kind == FailureClass.HOST_LOST and outcome.may_run_again:
        return frozenset({FailureClass.HOST, FailureClass.HOST_LOST})
    return frozenset() if kind is None else frozenset({kind})


class Attempt(NamedTuple):
    """An earlier attempt, or a member of one, as far as it matters here. `is_innocent`: ended for another's sake."""

    host: str
    state: str
    ended_at: datetime | None
    is_innocent: bool = False


_BAD = frozenset({*VOID_STATES, SubAgentState.FAILED, SubAgentState.TIMED_OUT, SubAgentState.LOST})


def hosts_to_avoid(attempts: Iterable[Attempt], now: datetime) -> list[str]:
    """Names of the hosts on which it failed or was void lately, the latest first."""
    bad = [
        attempt
        for attempt in attempts
        if attempt.state in _BAD and not attempt.is_innocent and attempt.ended_at and now - attempt.ended_at < AVOID_FOR
    ]
    bad.sort(key=lambda attempt: attempt.ended_at or now, reverse=True)
    return list(dict.fromkeys(attempt.host for attempt in bad))[:MOST_AVOIDED]
