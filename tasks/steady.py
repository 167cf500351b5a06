"""Ages by a clock that people may set: a jump forward between two turns of the reaper makes nothing older.

Jumps are seen by comparing the wall clock with the one that nobody can set, and remembered by this process. A jump back
only makes what was stamped before it look younger; it takes back what an earlier jump forward had added.
"""

import logging
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from tasks.host_ends import leases

log = logging.getLogger(__name__)

_last: tuple[datetime, float] | None = None
_jumps: list[tuple[datetime, float]] = []  # up to which stamp, and by how many seconds


def note() -> None:
    """Once a turn."""
    global _last
    now, steady = timezone.now(), leases.clock()
    if _last is not None:
        jump = (now - _last[0]).total_seconds() - (steady - _last[1])
        if jump > settings.STALL_SECONDS:
            log.warning("clock_jumped seconds=%.0f", jump)
            _jumps.append((_last[0], jump))
        elif jump < -settings.STALL_SECONDS:
            _take_back(-jump)
    _last = now, steady


def age(stamp: datetime) -> float:
    """Seconds since `stamp` was written, without the jumps since."""
    seconds = (timezone.now() - stamp).total_seconds()
    return seconds - sum(jump for until, jump in _jumps if stamp <= until)


def _take_back(seconds: float) -> None:
    while _jumps and seconds > 0:
        until, jump = _jumps.pop()
        if jump > seconds:
            _jumps.append((until, jump - seconds))
        seconds -= jump
