"""How often agents are asked to call: as often as is good while they are few, more rarely the more they are, so that
the calls of a large fleet do not fill the server. Counts in memory; whoever has not called for long is not counted.
"""

import threading
import time
from collections.abc import Callable, Hashable

from django.conf import settings

COUNTED_SECONDS = 120.0
COUNT_EVERY_SECONDS = 1.0


class Callers:
    """All that call in the same way. `per_second` is how many such calls may come."""

    def __init__(self, base_seconds: float, per_second: Callable[[], float]) -> None:
        self.base_seconds = base_seconds
        self._per_second = per_second
        self._lock = threading.Lock()
        self._called: dict[Hashable, float] = {}
        self._expected = 0
        self._expected_until = self._counted_at = float("-inf")
        self._count = 0

    def called(self, key: Hashable) -> None:
        with self._lock:
            self._called[key] = time.monotonic()

    def expect(self, count: int) -> None:
        """At a start nobody has called yet, and soon all will."""
        with self._lock:
            self._called.clear()
            self._expected, self._expected_until = count, time.monotonic() + COUNTED_SECONDS
            self._counted_at = float("-inf")

    def seconds(self) -> float:
        """Between two calls of the same caller."""
        return max(self.base_seconds, self._how_many() / self._per_second())

    def stretched(self, seconds: float) -> float:
        """A time that fits callers which call every `base_seconds`, for the pace of now."""
        return seconds * self.seconds() / self.base_seconds

    def _how_many(self) -> int:
        now = time.monotonic()
        with self._lock:
            if now - self._counted_at >= COUNT_EVERY_SECONDS:
                self._called = {key: at for key, at in self._called.items() if now - at < COUNTED_SECONDS}
                self._counted_at = now
                self._count = max(len(self._called), self._expected if now < self._expected_until else 0)
            return self._count


beats = Callers(2.0, lambda: settings.BEATS_PER_SECOND)
