"""News for open pages, sent after commit: to sockets of this process directly, with other processes through the channel
layer, which costs each receiver several times as much.

Messages are nudges: whoever misses one asks the API and loses nothing. Without a server loop (tests, management
commands) publishing does nothing and is no error. Carries no log bytes and keeps no state that matters.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction

log = logging.getLogger(__name__)

_loop: asyncio.AbstractEventLoop | None = None
_held_back: dict[str, tuple[str, Mapping[str, Any]] | None] = {}

INTERVAL_SECONDS = 0.2
Hear = Callable[[str], None]  # takes a message as JSON, on the loop, and does not wait
_followers: dict[str, set[Hear]] = {}  # of each group, on sockets of this process
MOST_UNDER_WAY = 200  # each waits in turn for a Redis that does not answer


def attach(loop: asyncio.AbstractEventLoop | None) -> None:
    """Called by `serve` with the loop that runs the sockets."""
    global _loop
    _loop = loop


def goes_through_layer() -> bool:
    return bool(settings.REDIS_URL)


def follow(group: str, hear: Hear) -> None:
    """A socket of this process joins the group; called on the loop."""
    _followers.setdefault(group, set()).add(hear)


def unfollow(group: str, hear: Hear) -> None:
    followers = _followers.get(group, set())
    followers.discard(hear)
    if not followers:
        _followers.pop(group, None)


def as_text(message: Mapping[str, Any]) -> str:
    return json.dumps(dict(message), default=str)


def is_followed(group: str) -> bool:
    """Whether a message may find anybody. Sockets of other processes are not known, so with them: always."""
    return goes_through_layer() or group in _followers


def publish(group: str, message: Mapping[str, Any]) -> None:
    """Send `message` (a dict with a "kind") to every page that follows `group`, once the transaction commits."""
    if is_followed(group):
        transaction.on_commit(lambda: _call(_send, group, message))


def publish_latest(group: str, message: Mapping[str, Any], key: str) -> None:
    """Like publish, but at most five times a second for `key`; the latest message of an interval wins."""
    if is_followed(group):
        transaction.on_commit(lambda: _call(_send_latest, key, group, message))


def _call(function: Callable[..., None], *arguments: Any) -> None:
    if _loop is not None and not _loop.is_closed():
        _loop.call_soon_threadsafe(function, *arguments)


_sends: set[asyncio.Task[None]] = set()


def _send(group: str, message: Mapping[str, Any]) -> None:
    if not goes_through_layer():
        _tell_here(group, message)
    elif _loop is not None and len(_sends) < MOST_UNDER_WAY:
        _send_to_all(_loop, group, message)


def _tell_here(group: str, message: Mapping[str, Any]) -> None:
    """Made into text once, however many follow."""
    text = as_text(message)
    for hear in list(_followers.get(group, ())):
        hear(text)


def _send_to_all(loop: asyncio.AbstractEventLoop, group: str, message: Mapping[str, Any]) -> None:
    task = loop.create_task(_group_send(group, message))
    _sends.add(task)
    task.add_done_callback(_sends.discard)


async def _group_send(group: str, message: Mapping[str, Any]) -> None:
    try:
        layer = get_channel_layer()
        await layer.group_send(group, {"type": "news", "message": dict(message)})
    except Exception as error:  # noqa: BLE001 - whatever a channel layer raises, a lost nudge is worth one line
        log.warning("broadcast_failed group=%s error=%r", group, error)


def _send_latest(key: str, group: str, message: Mapping[str, Any]) -> None:
    """Sends at once if the interval is free, else keeps the newest for its end."""
    if _loop is None:
        return
    if key in _held_back:
        _held_back[key] = (group, message)
        return
    _held_back[key] = None
    _send(group, message)
    _loop.call_later(INTERVAL_SECONDS, _end_interval, key)


def _end_interval(key: str) -> None:
    waiting = _held_back.pop(key, None)
    if waiting is not None:
        _send_latest(key, *waiting)
