"""Hosts that should say again what they have (a new session): set by the reaper, taken by the next heartbeat's reply,
in whichever server process each of them is.

When a host was asked the reaper remembers: not again within AGAIN_AFTER_SECONDS, for its answer may change nothing, and
each is a new session. Forgetting that costs one session.
"""

import threading
import time
import uuid

from django.utils import timezone

from agents.models import Agent

AGAIN_AFTER_SECONDS = 30.0

_lock = threading.Lock()
_asked_at: dict[uuid.UUID, float] = {}


def ask(agent_id: uuid.UUID) -> None:
    now = time.monotonic()
    with _lock:
        asked_at = _asked_at.get(agent_id)
        if asked_at is not None and now - asked_at < AGAIN_AFTER_SECONDS:
            return
        _asked_at[agent_id] = now
    Agent.objects.filter(pk=agent_id).update(inventory_asked_at=timezone.now())


def take(agent: Agent) -> bool:
    """Whether it was asked when its row was read; asking is over with that. Costs nothing where it was not."""
    if agent.inventory_asked_at is None:
        return False
    return Agent.objects.filter(pk=agent.pk).exclude(inventory_asked_at=None).update(inventory_asked_at=None) == 1
