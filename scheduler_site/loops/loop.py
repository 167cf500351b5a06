"""One named loop in a thread: turn, wait for a wake-up or the time the turn asked for, turn again.

A turn that raises is logged and tried again with back-off; it never ends the thread. Does not know what a turn does.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from django.db import close_old_connections, connections

log = logging.getLogger(__name__)

FIRST_BACK_OFF_SECONDS = 0.5
LONGEST_BACK_OFF_SECONDS = 30.0
STAND_BY_SECONDS = 1.0
STUCK_AFTER_SECONDS = 30.0

Turn = Callable[[], float]


class Gate(Protocol):
    """A lease, or nothing."""

    def held(self) -> bool: ...
    def release(self) -> None: ...


class Loop:
    """`turn` returns the seconds until its next; `wake` (an Event others may set) ends the wait early."""

    def __init__(self, name: str, turn: Turn, wake: threading.Event | None = None, lease: Gate | None = None) -> None:
        self.name, self.turn, self.lease = name, turn, lease
        self.wake = wake or threading.Event()
        self.failures = 0
        self.is_standing_by = False
        self.next_at = self.turned_at = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"loop-{name}", daemon=True)

    def start(self) -> None:
        self.next_at = self.turned_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self.wake.set()

    def join(self, seconds: float) -> None:
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def is_healthy(self) -> bool:
        overdue = time.monotonic() - self.next_at > STUCK_AFTER_SECONDS
        return self._thread.is_alive() and self.failures == 0 and not overdue

    def report(self) -> dict[str, Any]:
        """For the health page: no secrets, only how it goes."""
        return {
            "healthy": self.is_healthy(),
            "standing_by": self.is_standing_by,
            "failures": self.failures,
            "last_turn_seconds_ago": round(time.monotonic() - self.turned_at, 1),
        }

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self.wake.clear()
                self._wait(self._turn_once())
        finally:
            self._leave()

    def _wait(self, seconds: float) -> None:
        """Who stands by is not woken: it would ask for the lease with each piece of news that is for another."""
        self.next_at = time.monotonic() + seconds
        if not self._stopping.is_set():
            (self._stopping if self.is_standing_by else self.wake).wait(seconds)

    def _turn_once(self) -> float:
        close_old_connections()
        try:
            delay = self._turn_if_held()
        except BaseException:  # noqa: BLE001 - whatever its turn raises, SystemExit too, the loop goes on; _failed logs
            return self._failed()
        if self.failures:
            log.warning("loop_recovered loop=%s failures=%d", self.name, self.failures)
        self.failures, self.turned_at = 0, time.monotonic()
        return max(0.0, delay)

    def _turn_if_held(self) -> float:
        self.is_standing_by = self.lease is not None and not self.lease.held()
        return STAND_BY_SECONDS if self.is_standing_by else self.turn()

    def _failed(self) -> float:
        self.failures += 1
        delay: float = min(FIRST_BACK_OFF_SECONDS * 2 ** min(self.failures - 1, 10), LONGEST_BACK_OFF_SECONDS)
        log.exception("loop_failed loop=%s failures=%d again_in_seconds=%g", self.name, self.failures, delay)
        return delay

    def _leave(self) -> None:
        try:
            if self.lease is not None:
                self.lease.release()
        except Exception:
            log.exception("lease_not_released loop=%s", self.name)
        finally:
            connections.close_all()
