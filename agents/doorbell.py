"""Wake a main agent that waits at the server, at whichever of its processes: "beat now". Carries nothing else;
a lost ring costs one heartbeat interval.

Rings come from any thread after commit; waiting happens on the server's loop.
"""

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

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


def ring(agent_id: uuid.UUID, about: uuid.UUID | None = None) -> None:
    """Once the transaction commits. A ring that nobody hears yet is kept until the next wait. `about`: what the host is
    to hear of, where that can be told in an answer as well."""
    transaction.on_commit(lambda: _call(agent_id, about))


class Answered(threading.local):
    """The host that this thread answers just now, if any, and what was rung about for it meanwhile."""

    agent_id: uuid.UUID | None = None
    rung: frozenset[uuid.UUID | None] = frozenset()


_answered = Answered()


@contextmanager
def answering(agent_id: uuid.UUID) -> Iterator[Callable[[Iterable[uuid.UUID]], None]]:
    """No ring from this thread wakes this host meanwhile. It is rung for at the end, unless all that was rung about is
    told: the caller says so by what is given."""
    _answered.agent_id, _answered.rung = agent_id, frozenset()

    def told(about: Iterable[uuid.UUID]) -> None:
        _answered.rung -= frozenset(about)

    try:
        yield told
    finally:
        _answered.agent_id = None
        if _answered.rung:
            _call(agent_id)


def _call(agent_id: uuid.UUID, about: uuid.UUID | None = None) -> None:
    if agent_id == _answered.agent_id:
        _answered.rung |= {about}
        return
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
