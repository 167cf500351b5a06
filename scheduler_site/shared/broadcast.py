"""News for open pages, sent after commit through the channel layer.

Messages are nudges: whoever misses one asks the API and loses nothing. Without a server loop (tests, management
commands) publishing does nothing and is no error. Carries no log bytes and keeps no state that matters.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction

log = logging.getLogger(__name__)

_loop: asyncio.AbstractEventLoop | None = None
_held_back: dict[str, tuple[str, Mapping[str, Any]] | None] = {}

INTERVAL_SECONDS = 0.2
_followers: Counter[str] = Counter()  # of each group, on sockets of this process
MOST_UNDER_WAY = 200  # each waits in turn for a Redis that does not answer


def attach(loop: asyncio.AbstractEventLoop | None) -> None:
    """Called by `serve` with the loop that runs the sockets."""
    global _loop
    _loop = loop


def follow(group: str) -> None:
    """A socket of this process joins the group; called on the loop."""
    _followers[group] += 1


def unfollow(group: str) -> None:
    _followers[group] -= 1
    if _followers[group] <= 0:
        del _followers[group]


def is_followed(group: str) -> bool:
    """Whether a message may find anybody. Sockets of other processes are not known, so with them: always."""
    return bool(settings.REDIS_URL) or group in _followers


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
    if _loop is None or len(_sends) >= MOST_UNDER_WAY:
        return
    task = _loop.create_task(_group_send(group, message))
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
