"""When to try again after a failed call, and after how long. Pure: it neither sleeps nor sends."""

import random
from collections.abc import Callable
from enum import Enum

from agent_client.http import NetworkFailure, ProtocolError

BASE_SECONDS = 0.5
CAP_SECONDS = 30.0
WAIT_30_SECONDS = 30.0
LONGEST_RETRY_AFTER_SECONDS = 600.0


class Verdict(Enum):
    """What a failed call asks of its caller."""

    RETRY = "retry"  # with back-off, for ever
    WAIT_30 = "wait_30"  # take no new work, keep what runs, try again every 30 s
    FINAL = "final"  # an answer of the protocol: act on its code


RETRY = Verdict.RETRY
WAIT_30 = Verdict.WAIT_30
FINAL = Verdict.FINAL


def classify(error: NetworkFailure | ProtocolError) -> Verdict:
    if error.status in (401, 403):
        return WAIT_30
    if isinstance(error, NetworkFailure):
        return WAIT_30 if error.status == 404 else RETRY
    if error.status >= 500 or error.status in (408, 429):
        return RETRY
    return WAIT_30 if error.status == 404 and not error.code else FINAL


class Backoff:
    """Exponential back-off with full jitter, so that a fleet does not return in step after an outage."""

    def __init__(
        self,
        base: float | None = None,
        cap: float | None = None,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._base = BASE_SECONDS if base is None else base
        self._cap = CAP_SECONDS if cap is None else cap
        self._uniform = uniform
        self._failures = 0

    @property
    def failures(self) -> int:
        """Failures in a row since the last reset."""
        return self._failures

    def next_seconds(self, retry_after_seconds: float | None = None) -> float:
        """Count one failure and say how long to wait; a server's Retry-After is the least (10 minutes at most)."""
        ceiling = min(self._cap, self._base * 2.0 ** min(self._failures, 30))
        self._failures += 1
        jittered = self._uniform(0.0, ceiling)
        if retry_after_seconds is None:
            return jittered
        return min(retry_after_seconds, LONGEST_RETRY_AFTER_SECONDS) + jittered

    def after(self, error: NetworkFailure | ProtocolError) -> float:
        """How long to wait after `error`: 30 s for WAIT_30, otherwise the next step of the back-off, or what a relay
        has told all of a host, which keeps a back-off for them."""
        seconds = self.next_seconds(error.retry_after_seconds)
        if error.retry_in_seconds is not None:
            return min(error.retry_in_seconds, LONGEST_RETRY_AFTER_SECONDS)
        return max(seconds, WAIT_30_SECONDS) if classify(error) is WAIT_30 else seconds

    def reset(self) -> None:
        self._failures = 0
