"""One clock for a whole world: wall time and monotonic time stand still until the world moves them.

Everything in the server that asks what time it is gets this one, the defaults of model fields too.
"""

import datetime as dt
from types import SimpleNamespace

from django.utils import timezone

from agents import breaker, inventory_requests, liveness, pace
from tasks.host_ends import leases

START = dt.datetime(2026, 1, 5, 8, 0, tzinfo=dt.UTC)


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def tick(self) -> None:
        self.seconds += 0.001

    def wall(self) -> dt.datetime:
        return START + dt.timedelta(seconds=self.seconds)

    def installed(self) -> list[tuple[object, str, object]]:
        """What to put where: (module, name, replacement)."""
        now = self.wall

        class Datetime(dt.datetime):
            @classmethod
            def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
                return now().astimezone(tz)

        own_time = SimpleNamespace(monotonic=self)
        return [
            (timezone, "datetime", Datetime),
            (liveness, "time", own_time),
            (pace, "time", own_time),
            (inventory_requests, "time", own_time),
            (breaker, "time", own_time),
            (leases, "clock", self),
        ]
