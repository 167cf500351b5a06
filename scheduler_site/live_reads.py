"""Ranges of output for one live socket, one at a time: the next is refused until the page has taken the last, so that
a page that takes nothing costs one range of memory. Files and rows are read in a thread, never on the loop.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from django.db import Error, close_old_connections

from scheduler_site.shared.roles import REFUSALS, Right, may
from scheduler_site.threads import Threads
from tasks.api import live_ranges
from tasks.api.live_ranges import Unreadable, Wanted

log = logging.getLogger(__name__)


class LiveReads:
    """`send` returns once there is room for more. `refuse` takes the message of an error and does not wait."""

    def __init__(
        self,
        threads: Threads,
        send: Callable[[bytes], Awaitable[None]],
        refuse: Callable[[dict[str, Any]], None],
    ) -> None:
        self._threads, self._send, self._refuse = threads, send, refuse
        self._ranges = live_ranges.Ranges()
        self._under_way: asyncio.Task[None] | None = None

    def ask(self, asked: Any, user: Any) -> None:
        """On the loop. What was asked is not trusted."""
        try:
            wanted = live_ranges.parse(asked)
        except Unreadable as error:
            self._refuse(error_message(error))
            return
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._answer(wanted, user))
        else:
            self._refuse(error_message(Unreadable("busy", "One range at a time."), wanted.request))

    def end(self) -> None:
        if self._under_way is not None:
            self._under_way.cancel()

    async def _answer(self, wanted: Wanted, user: Any) -> None:
        try:
            message = await self._threads.run(self._read, wanted, user)
        except Unreadable as error:
            self._refuse(error_message(error, wanted.request))
        else:
            await self._send(message)

    def _read(self, wanted: Wanted, user: Any) -> bytes:
        close_old_connections()
        try:
            if not may(user, Right.READ):
                raise Unreadable("permission_denied", REFUSALS[Right.READ])
            return self._ranges.message(wanted)
        except (Error, OSError) as error:
            log.warning("live_range_not_read task=%d error=%r", wanted.task, error)
            raise Unreadable("unavailable", "The output could not be read.") from None


def error_message(error: Unreadable, request: int | None = None) -> dict[str, Any]:
    """To a page, which then asks by HTTP."""
    known = {} if request is None else {"request": request}
    return {"kind": "error", **known, "code": error.code, "detail": str(error)}
