"""When was each host last heard, by this process's monotonic clock. Wall clocks and hosts' clocks are never asked.

Lives in memory: after a restart every known host gets an amnesty (agents.supervision.after_restart).
"""

import threading
import time
import uuid

from django.conf import settings

from agents import pace

_lock = threading.Lock()
_heard: dict[uuid.UUID, float] = {}
_amnesty_until = 0.0


def heard(agent_id: uuid.UUID) -> None:
    pace.beats.called(agent_id)
    with _lock:
        _heard[agent_id] = time.monotonic()


def silent_seconds(agent_id: uuid.UUID) -> float | None:
    """Seconds since the last sign of life; None: not heard by this process."""
    with _lock:
        last = _heard.get(agent_id)
    return None if last is None else time.monotonic() - last


def grant_amnesty() -> None:
    """Forget what was heard; nobody is called unreachable until the amnesty ends."""
    global _amnesty_until
    with _lock:
        _heard.clear()
        _amnesty_until = time.monotonic() + settings.AMNESTY_SECONDS


def in_amnesty() -> bool:
    return time.monotonic() < _amnesty_until


def excuse(seconds: float) -> None:
    """The server itself stood still for `seconds`: nobody was silent during that time, and everybody gets as long
    again, up to the length of an amnesty, to be heard. Whoever was heard meanwhile was not heard later than now."""
    global _amnesty_until
    now = time.monotonic()
    with _lock:
        for agent_id, last in _heard.items():
            _heard[agent_id] = min(now, last + seconds)
        _amnesty_until = max(_amnesty_until, now + min(seconds, settings.AMNESTY_SECONDS))
