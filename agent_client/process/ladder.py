"""Ends a family: TERM to the group, a grace, KILL to everyone, and again until nobody is left.

Sends signals and keeps the time; it waits for no process (the caller reaps) and decides no outcome.
"""

import os
import signal
import time
from collections.abc import Callable
from enum import Enum

from agent_client.process import proc, signals
from agent_client.process.family import Family
from agent_client.process.proc import ProcessStat

LEFTOVER_GRACE_SECONDS = 1.0
UNKILLABLE_SECONDS = 60.0
QUICK_ROUNDS = 20
SLOW_ROUND_SECONDS = 1.0
EMPTY_SCANS = 2


class Progress(Enum):
    WAITING = "waiting"
    GONE = "gone"
    STUCK = "stuck"  # killed, and still there after 60 s


class Ladder:
    """One script's way out. `step` is called again and again until it says GONE or STUCK."""

    def __init__(self, script_pid: int, family: Family, clock: Callable[[], float] = time.monotonic) -> None:
        self._pid = script_pid
        self._family = family
        self._clock = clock
        self._kill_at: float | None = None
        self._is_killing = False
        self._give_up_at = 0.0
        self._next_round_at = 0.0
        self._rounds = 0
        self._empty_scans = 0
        self._asked: set[tuple[int, int]] = set()
        self.sent_signals: list[str] = []  # to the script itself, while it lived
        self.survivors: list[ProcessStat] = []
        self.leftovers = 0  # processes that outlived the script and had to be ended

    @property
    def is_quick(self) -> bool:
        """Whether the next step should follow within milliseconds: rounds that race against a forking family."""
        return self._is_killing and self._rounds < QUICK_ROUNDS

    def stop(self, grace_seconds: float) -> None:
        """Ask the living script to end, and continue it in case it was stopped. Asked again, only the grace shrinks."""
        kill_at = self._clock() + max(0.0, grace_seconds)
        if self._kill_at is None:
            signals.send_to_group(self._pid, signal.SIGTERM)
            signals.send_to_group(self._pid, signal.SIGCONT)
            self.sent_signals.append("TERM")
            self._kill_at = kill_at
        self._kill_at = min(self._kill_at, kill_at)

    def step(self, script_ended: bool, has_children: bool) -> Progress:
        """`has_children` false proves that the tree is empty: every orphan of the family becomes our child."""
        now = self._clock()
        if script_ended and not has_children and not self._is_killing:
            return Progress.GONE
        if script_ended and self._kill_at is None:
            self._kill_at = now + LEFTOVER_GRACE_SECONDS
        if self._kill_at is None:
            return Progress.WAITING
        if now < self._kill_at:
            if script_ended:
                self._ask_leftovers()
            return Progress.WAITING
        if not self._is_killing:
            self._is_killing = True
            self._give_up_at = now + UNKILLABLE_SECONDS
        return self._kill_round(now, script_ended, has_children)

    def _ask_leftovers(self) -> None:
        """TERM, once each, to what the script left behind: a daemon outside its group has not heard of the end."""
        for stat in proc.descendants(os.getpid()):
            if not stat.is_dead and (stat.pid, stat.start_ticks) not in self._asked:
                self._asked.add((stat.pid, stat.start_ticks))
                if not self._heard(stat):
                    self.leftovers += 1
                    signals.send(stat.pid, stat.start_ticks, signal.SIGTERM)
                    signals.send(stat.pid, stat.start_ticks, signal.SIGCONT)

    def _heard(self, stat: ProcessStat) -> bool:
        """Whether the TERM to the script's group reached it already; a second one could end its cleaning up."""
        return bool(self.sent_signals) and stat.group_id == self._pid

    def _kill_round(self, now: float, script_ended: bool, has_children: bool) -> Progress:
        if now < self._next_round_at:
            return Progress.WAITING
        self._rounds += 1
        self._next_round_at = now if self._rounds < QUICK_ROUNDS else now + SLOW_ROUND_SECONDS
        if not script_ended:
            signals.send_to_group(self._pid, signal.SIGKILL)
            if "KILL" not in self.sent_signals:
                self.sent_signals.append("KILL")
        self._family.group.kill()
        self.survivors = self._family.members()
        for stat in self.survivors:
            signals.send(stat.pid, stat.start_ticks, signal.SIGKILL)
        self._empty_scans = 0 if self.survivors else self._empty_scans + 1
        if script_ended and not has_children and self._empty_scans >= EMPTY_SCANS:
            return Progress.GONE
        return Progress.STUCK if now >= self._give_up_at else Progress.WAITING
