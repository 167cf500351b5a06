"""Hosts that should say again what they have (a new session): set by the reaper, taken by the next heartbeat's reply.

In memory: forgetting one costs a second, the reaper asks again.
"""

import threading
import uuid

_lock = threading.Lock()
_asked: set[uuid.UUID] = set()


def ask(agent_id: uuid.UUID) -> None:
    with _lock:
        _asked.add(agent_id)


def take(agent_id: uuid.UUID) -> bool:
    """Whether it was asked; asking is over with that."""
    with _lock:
        asked = agent_id in _asked
        _asked.discard(agent_id)
        return asked
