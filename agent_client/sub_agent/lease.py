"""The lease of a failover task: until when its script may run without an answer of the server.

Counted from the sending of the call that was answered, by the clock that goes on while a host is suspended. The sub
agent obeys it; the main agent reads it from the folder, for a sub agent that is frozen. Ends nothing itself.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from agent_client import wire

FILE = "lease"


def boottime() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Lease:
    """One for each folder that has the file; `renew` makes it. What cannot be read is over."""

    def __init__(self, folder: Path, clock: Callable[[], float] = boottime) -> None:
        self._path = folder / FILE
        self._clock = clock
        self._stop_at, self._kill_at = self._read()

    @classmethod
    def of(cls, folder: Path, clock: Callable[[], float] = boottime) -> "Lease | None":
        """None for a task that may run without contact for as long as it likes."""
        return cls(folder, clock) if (folder / FILE).exists() else None

    def renew(self, sent_at: float, renewal: wire.Renewal) -> None:
        """Answers may come in any order: the lease never gets shorter. Raises OSError; it counts all the same."""
        stop_at = sent_at + float(renewal["stop_after_seconds"])
        if stop_at <= self._stop_at:
            return
        self._stop_at, self._kill_at = stop_at, stop_at + float(renewal["kill_within_seconds"])
        self._write()

    def overdue_seconds(self) -> float | None:
        """Since when the script should be stopping; None while it may run."""
        late = self._clock() - self._stop_at
        return late if late >= 0 else None

    def grace_seconds(self, wanted: float) -> float:
        """What is left between TERM and KILL: half of the time until it must be dead, and less when we are late."""
        half = self._stop_at + (self._kill_at - self._stop_at) / 2
        return min(wanted, max(0.0, half - self._clock()))

    def must_be_killed(self) -> bool:
        """Its own sub agent had the time to kill it, and did not: for the main agent."""
        return self.overdue_seconds() is not None and self.grace_seconds(1.0) == 0.0

    def _read(self) -> tuple[float, float]:
        try:
            stop_at, kill_at = (float(word) for word in self._path.read_text("ascii").split())
        except (OSError, ValueError):
            return 0.0, 0.0
        return stop_at, kill_at

    def _write(self) -> None:
        """In place and always of one length, which needs no new space on a full disk."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, f"{self._stop_at:020.3f} {self._kill_at:020.3f}".encode("ascii"), 0)
        finally:
            os.close(descriptor)
