"""News for open pages, sent after commit through the channel layer.

Messages are nudges: whoever misses one asks the API and loses nothing. Without a server loop (tests, management
commands) publishing does nothing and is no error. Carries no log bytes and keeps no state that matters.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from channels.layers import get_channel_layer
from django.db import transaction

log = logging.getLogger(__name__)

_loop: asyncio.AbstractEventLoop | None = None
_held_back: dict[str, Mapping[str, Any]] = {}

EXTRA_INTERVAL_SECONDS = 0.2


def attach(loop: asyncio.AbstractEventLoop | None) -> None:
    """Called by `serve` with the loop that runs the sockets."""
    global _loop
    _loop = loop


def publish(group: str, message: Mapping[str, Any]) -> None:
    """Send `message` (a dict with a "kind") to every page that follows `group`, once the transaction commits."""
    transaction.on_commit(lambda: _call(_send, group, message))


def publish_latest(group: str, message: Mapping[str, Any]) -> None:
    """Like publish, but at most five times a second per group; the latest message of an interval wins."""
    transaction.on_commit(lambda: _call(_send_latest, group, message))


def _call(function: Any, group: str, message: Mapping[str, Any]) -> None:
    if _loop is not None and not _loop.is_closed():
        _loop.call_soon_threadsafe(function, group, message)


_sends: set[asyncio.Task[None]] = set()


def _send(group: str, message: Mapping[str, Any]) -> None:
    assert _loop is not None
    task = _loop.create_task(_group_send(group, message))
    _sends.add(task)
    task.add_done_callback(_sends.discard)


async def _group_send(group: str, message: Mapping[str, Any]) -> None:
    try:
        layer = get_channel_layer()
        await layer.group_send(group, {"type": "news", "message": dict(message)})
    except Exception:
        log.warning("broadcast_failed group=%s", group, exc_info=True)


def _send_latest(group: str, message: Mapping[str, Any]) -> None:
    """Sends at once if the interval is free, else keeps the newest for its end."""
    assert _loop is not None
    if group in _held_back:
        _held_back[group] = message
        return
    _held_back[group] = {}
    _send(group, message)
    _loop.call_later(EXTRA_INTERVAL_SECONDS, _end_interval, group)


def _end_interval(group: str) -> None:
    message = _held_back.pop(group, {})
    if message:
        _send_latest(group, message)
