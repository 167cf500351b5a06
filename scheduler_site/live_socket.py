"""The one socket of a page, ws/live/: follow groups, get nudges, ask for ranges of output. Changes nothing.

Browser: {"subscribe": ["tasks", "task-41"]}, {"unsubscribe": [...]}, {"read": {...}}. Server: {"kind": "hello" | "task"
| ...}; a range comes as a binary message.
"""

import asyncio
import contextlib
import json
import re
from collections import deque
from importlib import import_module
from typing import Any

from channels.auth import get_user
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import timezone

from scheduler_site.live_reads import LiveReads
from scheduler_site.shared import broadcast
from scheduler_site.threads import Threads
from tasks.output import watchers

GROUP = re.compile(r"(tasks|agents|reservations|task-[1-9][0-9]{0,17})")
SUBSCRIPTIONS = 20
MESSAGE_CHARACTERS = 4096
UNSENT_MESSAGES = 100
RECHECK_SECONDS = 60.0
SIGNED_OUT = 4401
_OF_GROUPS = ("subscribe", "unsubscribe")


class LiveSocket(AsyncWebsocketConsumer):
    """Everyone who is signed in may follow every task; whether he still is is asked again each minute."""

    groups: list[str] = []

    def __init__(self, *args: Any, threads: Threads, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user: Any = None
        self.followed: set[str] = set()
        self.recheck: asyncio.Task[None] | None = None
        self.unsent: deque[str] = deque(maxlen=UNSENT_MESSAGES)
        self.sending: asyncio.Task[None] | None = None
        self.reads = LiveReads(threads, self._send_bytes, self._tell)

    async def connect(self) -> None:
        self.user = await self._who()
        if self.user is None:
            await self.close(SIGNED_OUT)
            return
        await self.accept()
        self.recheck = asyncio.create_task(self._recheck_for_ever())
        self._tell({"kind": "hello", "server_time": timezone.now().isoformat()})

    async def disconnect(self, code: int) -> None:
        if self.recheck is not None:
            self.recheck.cancel()
        self.reads.end()
        for group in list(self.followed):
            await self._unfollow(group)
        if self.sending is not None:
            self.sending.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        asked = parse(text_data or "")
        if asked is None:
            self._tell({"kind": "error", "detail": "Send subscribe or unsubscribe with groups, or read with a range."})
            return
        for group in asked.get("unsubscribe", []):
            await self._unfollow(group)
        for group in asked.get("subscribe", []):
            await self._follow(group)
        if "read" in asked:
            self.reads.ask(asked["read"], self.user)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """News and questions need no database here: channels would look after its connections in a thread, for each
        page and nudge."""
        if message["type"] == "news":
            await self.news(message)
        elif message["type"] == "websocket.receive":
            await self.websocket_receive(message)
        else:
            await super().dispatch(message)

    async def news(self, event: dict[str, Any]) -> None:
        """A nudge from scheduler_site.shared.broadcast, by way of the channel layer."""
        self._tell(event["message"])

    def hear(self, text: str) -> None:
        """The same from a socket's own process. A page that takes nothing holds up no other: what is too much for it
        it will not get, the oldest first."""
        self.unsent.append(text)
        if self.sending is None or self.sending.done():
            self.sending = asyncio.create_task(self._send_unsent())

    async def _send_unsent(self) -> None:
        while self.unsent:
            await self.send(text_data=self.unsent.popleft())

    async def _follow(self, group: str) -> None:
        if group in self.followed:
            return
        if len(self.followed) >= SUBSCRIPTIONS:
            self._tell({"kind": "error", "detail": f"A page may follow at most {SUBSCRIPTIONS} groups."})
            return
        self.followed.add(group)
        _watch(group, watchers.add)
        broadcast.follow(group, self.hear)
        if broadcast.goes_through_layer():
            await self.channel_layer.group_add(group, self.channel_name)

    async def _unfollow(self, group: str) -> None:
        if group in self.followed:
            self.followed.discard(group)
            _watch(group, watchers.remove)
            broadcast.unfollow(group, self.hear)
            if broadcast.goes_through_layer():
                await self.channel_layer.group_discard(group, self.channel_name)

    def _tell(self, message: dict[str, Any]) -> None:
        """Never waits: who asks and takes no answers would have his questions pile up instead."""
        self.hear(broadcast.as_text(message))

    async def _send_bytes(self, message: bytes) -> None:
        await self.send(bytes_data=message)

    async def _recheck_for_ever(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(RECHECK_SECONDS)
                self.user = await self._who()
                if self.user is None:
                    await self.close(SIGNED_OUT)
                    return
                for group in self.followed:
                    _watch(group, watchers.tell_others)

    async def _who(self) -> Any:
        """None: not signed in, or not any more. Reads the session anew: that of the handshake would say yes for ever.
        Not channels' middleware, which looks after the session at each message that is sent."""
        store = import_module(settings.SESSION_ENGINE).SessionStore
        session = store(self.scope["cookies"].get(settings.SESSION_COOKIE_NAME))
        user = await get_user({"session": session})
        return user if user.is_authenticated and user.is_active else None


def parse(text: str) -> dict[str, Any] | None:
    """The groups asked for, and a range still to be looked at (live_ranges); None when the message is not ours."""
    if len(text) > MESSAGE_CHARACTERS:
        return None
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(asked, dict) or not asked or not set(asked) <= {*_OF_GROUPS, "read"}:
        return None
    of_groups = [asked[key] for key in _OF_GROUPS if key in asked]
    if not all(isinstance(names, list) and all(map(is_group, names)) for names in of_groups):
        return None
    return asked


def is_group(name: Any) -> bool:
    return isinstance(name, str) and GROUP.fullmatch(name) is not None


def _watch(group: str, note: Any) -> None:
    kind, _, task_id = group.partition("-")
    if kind == "task":
        note(int(task_id))
