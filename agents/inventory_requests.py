"""Hosts that should say again what they have (a new session): set by the reaper, taken by the next heartbeat's reply.

In memory: forgetting one costs a second, the reaper asks again. A host is asked once in AGAIN_AFTER_SECONDS at most:
its answer may change nothing, and each is a new session.
"""

import threading
import time
import uuid

AGAIN_AFTER_SECONDS = 30.0

_lock = threading.Lock()
_asked: set[uuid.UUID] = set()
_taken_at: dict[uuid.UUID, float] = {}


def ask(agent_id: uuid.UUID) -> None:
    with _lock:
        taken_at = _taken_at.get(agent_id)
        if taken_at is None or time.monotonic() - taken_at >= AGAIN_AFTER_SECONDS:
            _asked.add(agent_id)


def take(agent_id: uuid.UUID) -> bool:
    """Whether it was asked; asking is over with that."""
    with _lock:
        if agent_id not in _asked:
            return False
        _asked.discard(agent_id)
        _taken_at[agent_id] = time.monotonic()
        return True
