"""Wake a main agent that waits at the server, at whichever of its processes: "beat now". Carries nothing else;
a lost ring costs one heartbeat interval.

Rings come from any thread after commit; waiting happens on the server's loop.
"""

import asyncio
import uuid

from django.db import transaction

from scheduler_site.shared import nudges

TOPIC = "ring"

_loop: asyncio.AbstractEventLoop | None = None
_bells: dict[uuid.UUID, asyncio.Event] = {}


def attach(loop: asyncio.AbstractEventLoop | None) -> None:
    """Called by `serve` with the loop that serves requests."""
    global _loop
    _loop = loop
    _bells.clear()


def ring(agent_id: uuid.UUID) -> None:
    """Once the transaction commits. A ring that nobody hears yet is kept until the next wait."""
    transaction.on_commit(lambda: _call(agent_id))


def _call(agent_id: uuid.UUID) -> None:
    if _loop is not None and not _loop.is_closed():
        _loop.call_soon_threadsafe(lambda: _bell(agent_id).set())
    nudges.say(TOPIC, str(agent_id))


def _rung_elsewhere(word: str) -> None:
    _bell(uuid.UUID(word)).set()


nudges.subscribe(TOPIC, _rung_elsewhere)


def _bell(agent_id: uuid.UUID) -> asyncio.Event:
    return _bells.setdefault(agent_id, asyncio.Event())


async def wait(agent_id: uuid.UUID, seconds: float) -> bool:
    """True when rung within `seconds`."""
    bell = _bell(agent_id)
    try:
        await asyncio.wait_for(bell.wait(), seconds)
    except TimeoutError:
        return False
    bell.clear()
    return True
