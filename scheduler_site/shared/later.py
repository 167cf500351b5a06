"""A response whose content is only known later: waited for on the server's loop, so that the wait holds neither a
thread nor a database connection. Does not know what is waited for.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from django.http import HttpResponse

Receive = Callable[[], Awaitable[dict[str, Any]]]


class Later(HttpResponse):
    """`wait` gives the content that replaces `content`. Whoever serves without a loop answers `content` at once."""

    def __init__(self, content: bytes, wait: Callable[[], Awaitable[bytes]], **more: Any) -> None:
        super().__init__(content, **more)
        self._wait = wait

    async def is_complete(self, receive: Receive) -> bool:
        """Whether the client was still there when the content came; one that goes away ends the wait."""
        waiting, going = asyncio.ensure_future(self._wait()), asyncio.ensure_future(gone(receive))
        try:
            await asyncio.wait((waiting, going), return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                return False
            self.content = waiting.result()
            self.headers["Content-Length"] = str(len(self.content))  # middleware has counted what is replaced here
            return True
        finally:
            waiting.cancel()
            going.cancel()


async def gone(receive: Receive) -> None:
    """Returns when the client has gone away. Only after its request has been read."""
    while (await receive())["type"] != "http.disconnect":
        pass
