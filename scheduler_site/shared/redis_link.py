"""Carries nudges over Redis (publish and subscribe). Imported only when a Redis is named.

What cannot be sent now is dropped, and so is what others say while the connection is away: it is made again with a
pause. Redis keeps nothing for us and is believed in nothing but that somebody should look.
"""

import asyncio
import json
import logging
import secrets
import threading
from contextlib import suppress
from typing import Any

import redis.asyncio
from redis.exceptions import RedisError

from scheduler_site.shared import nudges

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
SILENT_SECONDS = 5.0
MOST_UNSENT = 10_000
AT_ONCE = 500

Nudge = tuple[str, str]


class RedisLink:
    """Made on the server's loop. `channel` is the site's own: several sites may share a Redis."""

    def __init__(self, loop: asyncio.AbstractEventLoop, url: str, channel: str) -> None:
        self._loop, self._url, self._channel = loop, url, channel
        self._own_name = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._unsent: dict[Nudge, None] = {}
        self._is_something_unsent = asyncio.Event()
        self._is_up = False
        self._tasks = [loop.create_task(self._listen_for_ever()), loop.create_task(self._send_for_ever())]

    def say(self, topic: str, word: str) -> None:
        with self._lock:
            is_first = not self._unsent
            if len(self._unsent) < MOST_UNSENT:
                self._unsent[topic, word] = None
        if is_first:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._is_something_unsent.set)

    def is_up(self) -> bool:
        return self._is_up

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send_for_ever(self) -> None:
        """One message at a time: what is said meanwhile goes with the next, and the same only once."""
        async with self._client() as client:
            while True:
                await self._is_something_unsent.wait()
                message = json.dumps([self._own_name, self._taken()])
                with suppress(RedisError, OSError):  # whoever listens says it in the log
                    await client.publish(self._channel, message)

    def _taken(self) -> list[Nudge]:
        with self._lock:
            taken = list(self._unsent)[:AT_ONCE]
            for nudge in taken:
                del self._unsent[nudge]
            if not self._unsent:
                self._is_something_unsent.clear()
        return taken

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                self._is_lost(error)
            await asyncio.sleep(AGAIN_SECONDS)

    def _is_lost(self, error: Exception) -> None:
        """Said once for each outage."""
        was_up, self._is_up = self._is_up, False
        if was_up:
            log.warning("nudges_lost error=%r detail='what happens at other processes is seen later'", str(error))
            nudges.is_deaf()

    async def _listen(self) -> None:
        async with self._client() as client, client.pubsub() as channel:
            await channel.subscribe(self._channel)
            log.info("nudges_heard")
            self._is_up = True
            while True:
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=SILENT_SECONDS)
                if message is not None:
                    self._hear(message["data"])

    def _client(self) -> Any:
        """Without attempts of its own to connect again: an outage is to be noticed."""
        return redis.asyncio.Redis.from_url(self._url, health_check_interval=SILENT_SECONDS, retry=None)

    def _hear(self, data: bytes) -> None:
        """Whatever comes, a wrong message must not end the listening."""
        try:
            sender, said = json.loads(data)
            if sender != self._own_name:
                for topic, word in said:
                    nudges.hear(topic, word)
        except (ValueError, TypeError) as error:
            log.warning("nudge_not_understood error=%r", str(error))
