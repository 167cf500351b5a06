"""The main thread of a sub agent while its script lives: waits, keeps the time limit, obeys stop.json.

It reports to no one and writes no record: it returns what happened.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agent_client import wire
from agent_client.process.family import Family
from agent_client.process.ladder import Ladder, Progress
from agent_client.process.proc import ProcessStat
from agent_client.process.wake_up import child_wake_up, wait
from agent_client.sub_agent import cadence
from agent_client.sub_agent.lease import Lease
from agent_client.sub_agent.stop_file import StopFile

LOOK_SECONDS = 0.1
QUICK_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Ending:
    """How a script ended. `wait_status` is None when it could not be killed."""

    wait_status: int | None
    duration_seconds: float
    cpu_seconds: float
    ended_at: str
    stop_reason: wire.StopReason | None = None
    sent_signals: list[str] = field(default_factory=list)
    leftovers: int = 0
    largest_kib: int = 0  # of all processes that have ended, the memory of the one that had most
    stuck: list[ProcessStat] = field(default_factory=list)


class Supervisor:
    """Supervises one released script. Must run in the main thread, which alone gets SIGCHLD's wake-up.

    `look` is called every 100 ms, after 50 ms at first: whatever else is to be looked at needs no clock of its own.
    """

    def __init__(
        self,
        script_pid: int,
        family: Family,
        stop_file: StopFile,
        time_limit_seconds: float | None,
        grace_seconds: float,
        look: Callable[[], None],
        lease: Lease | None = None,
    ) -> None:
        self._pid = script_pid
        self._stop_file = stop_file
        self._grace_seconds = grace_seconds
        self._ladder = Ladder(script_pid, family)
        self._look = look
        self._lease = lease
        self._started = time.monotonic()
        self._limit_at = None if time_limit_seconds is None else self._started + time_limit_seconds
        self._wait_status: int | None = None
        self._ended: float | None = None
        self._ended_at = ""
        self._cpu_seconds = 0.0
        self._largest_kib = 0
        self._has_children = True
        self._has_waited = False
        self._stop_reason: wire.StopReason | None = None

    def run(self) -> Ending:
        """Return when the script and all that it started are gone, or when they prove unkillable."""
        with child_wake_up() as wake_up:
            while True:
                self._look_at_lease()  # before anything else: a host that was frozen may have lost the task long ago
                self._reap()
                if self._ended is None:
                    self._look_for_stop()
                progress = self._ladder.step(self._ended is not None, self._has_children)
                if progress is not Progress.WAITING:
                    return self._ending(progress)
                if self._has_waited:  # the end of a short script goes with its start, in one report
                    self._look()  # not after the end: a report of the last output would hold up the result
                wait(wake_up, self._patience())

    def _patience(self) -> float:
        if self._ladder.is_quick:
            return QUICK_LOOK_SECONDS
        seconds = LOOK_SECONDS if self._has_waited else cadence.FIRST_PATIENCE_SECONDS
        self._has_waited = True
        return seconds

    def _look_at_lease(self) -> None:
        if self._lease is not None and self._ended is None and self._lease.overdue_seconds() is not None:
            self._stop("fenced", self._lease.grace_seconds(self._grace_seconds))

    def _reap(self) -> None:
        """Collect every dead child, our own and adopted ones, and what each used: what the kernel sums up of all our
        children may be that of an earlier script, too."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self._has_children = False
                return
            if pid == 0:
                return
            self._cpu_seconds += usage.ru_utime + usage.ru_stime
            self._largest_kib = max(self._largest_kib, usage.ru_maxrss)
            if pid == self._pid:
                self._wait_status = status
                self._ended = time.monotonic()
                self._ended_at = now_text()

    def _look_for_stop(self) -> None:
        stop = self._stop_file.look()
        if stop is not None:
            grace_seconds = stop.get("grace_seconds")
            self._stop(stop["reason"], 0.0 if stop.get("kill_now") else grace_seconds)
        if self._limit_at is not None and time.monotonic() >= self._limit_at:
            self._limit_at = None
            self._stop("timeout", None)

    def _stop(self, reason: wire.StopReason, grace_seconds: float | None) -> None:
        """The first reason stands; a later request can only shorten the grace."""
        self._stop_reason = self._stop_reason or reason
        self._ladder.stop(self._grace_seconds if grace_seconds is None else grace_seconds)

    def _ending(self, progress: Progress) -> Ending:
        return Ending(
            wait_status=self._wait_status,
            duration_seconds=(self._ended or time.monotonic()) - self._started,
            cpu_seconds=self._cpu_seconds,
            ended_at=self._ended_at or now_text(),
            stop_reason=self._stop_reason,
            sent_signals=self._ladder.sent_signals,
            leftovers=self._ladder.leftovers,
            largest_kib=self._largest_kib,
            stuck=self._ladder.survivors if progress is Progress.STUCK else [],
        )


def now_text() -> str:
    """The host's date in UTC, for display only."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
