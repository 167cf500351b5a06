"""The time-out of connections on which nobody says anything, with one timer for each connection.

Twisted's own makes a timer and cancels one in every request. How long silence may last is Twisted's to say.
"""

import time
from typing import Any


class SilenceTimer:
    """In place of Twisted's TimeoutMixin, whose words these are. The timer looks, when it is due, how long it has been
    silent since; periods that get shorter are not heeded before that."""

    timeOut: float | None = None  # noqa: N815
    callLater: Any  # noqa: N815 - the reactor's
    timeoutConnection: Any  # noqa: N815
    _heard_at = 0.0
    _timer: Any = None

    def setTimeout(self, period: float | None) -> float | None:  # noqa: N802
        """None while a request is answered: silence is in order then, and the timer, if it comes due, ends."""
        before, self.timeOut = self.timeOut, period
        self.resetTimeout()
        if period is not None and self._timer is None:
            self._timer = self.callLater(period, self._look)
        return before

    def resetTimeout(self) -> None:  # noqa: N802
        self._heard_at = time.monotonic()

    def end_timer(self) -> None:
        """The connection is lost."""
        self.timeOut = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self.timeOut is None:
            return
        left = self._heard_at + self.timeOut - time.monotonic()
        if left > 0:
            self._timer = self.callLater(left, self._look)
        else:
            self.timeoutConnection()
