"""Which sub agents this process has placed a moment ago, by host: what a claim ahead may be granted.

Kept in memory and never read from the database: what an older copy of it brings back may have been executed, and is
offered in heartbeats, which compare it with what lies on the host. Says nothing of whether they still wait.
"""

import threading
import time
from uuid import UUID

from django.db import transaction

KEPT_SECONDS = 15.0  # the scheduler takes back what is not claimed by then

_lock = threading.Lock()
_placed: dict[UUID, dict[UUID, float]] = {}


def note(agent_id: UUID, sub_agent_id: UUID) -> None:
    """Once the transaction commits."""
    transaction.on_commit(lambda: _note(agent_id, sub_agent_id))


def on(agent_id: UUID) -> list[UUID]:
    """The oldest first."""
    since = time.monotonic() - KEPT_SECONDS
    with _lock:
        found = {key: at for key, at in _placed.get(agent_id, {}).items() if at >= since}
        _keep(agent_id, found)
        return list(found)


def drop(agent_id: UUID, sub_agent_id: UUID) -> None:
    """It is claimed, or not to be had any more, once the transaction commits."""
    transaction.on_commit(lambda: _drop(agent_id, sub_agent_id))


def _drop(agent_id: UUID, sub_agent_id: UUID) -> None:
    with _lock:
        found = _placed.get(agent_id, {})
        found.pop(sub_agent_id, None)
        _keep(agent_id, found)


def _note(agent_id: UUID, sub_agent_id: UUID) -> None:
    since = time.monotonic() - KEPT_SECONDS
    with _lock:
        found = {key: at for key, at in _placed.get(agent_id, {}).items() if at >= since}
        _keep(agent_id, {**found, sub_agent_id: time.monotonic()})


def _keep(agent_id: UUID, found: dict[UUID, float]) -> None:
    if found:
        _placed[agent_id] = found
    else:
        _placed.pop(agent_id, None)
