"""How often agents are asked to call: as often as is good while they are few, more rarely the more they are, so that
the calls of a large fleet do not fill the server; and the more slowly it serves them. Counts in memory; whoever has not
called for long is not counted.
"""

import threading
import time
from collections.abc import Callable, Hashable

from django.conf import settings

from scheduler_site.shared import throughput

COUNTED_SECONDS = 120.0
COUNT_EVERY_SECONDS = 1.0
LONGEST_SECONDS = COUNTED_SECONDS / 2  # who calls more rarely would be taken for gone
SHARE = 0.25  # of what the server can serve, for calls of one kind without news
# A pace that was announced is forgotten slowly: silence is judged by the present one, which may fall to no less than a
# third of it before the caller's next call is due. 0.985 to the power of 66 is 0.37.
KEPT_IN_A_SECOND = 0.985


class Callers:
    """All that call in the same way. `per_second` is how many such calls may come."""

    def __init__(self, base_seconds: float, per_second: Callable[[], float]) -> None:
        self.base_seconds = base_seconds
        self._per_second = per_second
        self._lock = threading.Lock()
        self._called: dict[Hashable, float] = {}
        self._expected = 0
        self._expected_until = self._counted_at = float("-inf")
        self._seconds = base_seconds

    def called(self, key: Hashable) -> None:
        with self._lock:
            self._called[key] = time.monotonic()

    def expect(self, count: int) -> None:
        """At a start nobody has called yet, and soon all will."""
        with self._lock:
            self._called.clear()
            self._expected, self._expected_until = count, time.monotonic() + COUNTED_SECONDS
            self._counted_at = float("-inf")
            self._seconds = self.base_seconds

    def seconds(self) -> float:
        """Between two calls of the same caller."""
        now = time.monotonic()
        with self._lock:
            if (passed := now - self._counted_at) >= COUNT_EVERY_SECONDS:
                self._counted_at = now
                slowest = max(self._wanted(now), self._seconds * KEPT_IN_A_SECOND**passed)
                self._seconds = min(max(self.base_seconds, slowest), LONGEST_SECONDS)
            return self._seconds

    def stretched(self, seconds: float) -> float:
        """A time that fits callers which call every `base_seconds`, for the pace of now."""
        return seconds * self.seconds() / self.base_seconds

    def _wanted(self, now: float) -> float:
        self._called = {key: at for key, at in self._called.items() if now - at < COUNTED_SECONDS}
        count = max(len(self._called), self._expected if now < self._expected_until else 0)
        return count / self._per_second()


beats = Callers(2.0, lambda: throughput.at_most(settings.BEATS_PER_SECOND, SHARE))
