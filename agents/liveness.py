"""When was each host last heard, by this process's monotonic clock. Wall clocks and hosts' clocks are never asked.

Lives in memory: after a restart every known host gets an amnesty (agents.supervision.after_restart). Of heartbeats that
come to other server processes the host's row tells: a time stamp that has changed is a sign of life, whatever it says.
"""

import threading
import time
import uuid
from datetime import datetime

from django.conf import settings

from agents import pace

_lock = threading.Lock()
_heard: dict[uuid.UUID, float] = {}
_stamps: dict[uuid.UUID, datetime | None] = {}
_amnesty_until = 0.0


def heard(agent_id: uuid.UUID) -> None:
    pace.beats.called(agent_id)
    with _lock:
        _heard[agent_id] = time.monotonic()


def heed(agent_id: uuid.UUID, stamp: datetime | None, *, is_own: bool) -> None:
    """The host's row, looked at once a turn. Who was heard elsewhere counts as heard now: somewhat late, never early.
    So does a host that this process knows nothing of."""
    with _lock:
        is_new = stamp != _stamps[agent_id] if agent_id in _stamps else agent_id not in _heard
        _stamps[agent_id] = stamp
    if is_new and not is_own:
        heard(agent_id)


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
        _stamps.clear()
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
