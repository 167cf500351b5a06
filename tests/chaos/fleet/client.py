"""The agent protocol from an event loop: one kept connection for each caller, with the back-off of a real agent.

Made to cost little: it shares the machine with the server that it measures.
"""

import asyncio
import json
import random
from typing import Any

from tests.chaos.http_messages import Message, read_reply

EXCHANGE_SECONDS = 15.0
CONNECT_SECONDS = 3.0
WAIT_SECONDS = 40.0
BASE_SECONDS = 0.5
CAP_SECONDS = 30.0


class Refused(Exception):
    """An answer of the protocol that is no success."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


class NoAnswer(Exception):
    """To be tried again; `after_seconds` as the server asks."""

    def __init__(self, after_seconds: float) -> None:
        super().__init__(after_seconds)
        self.after_seconds = after_seconds


class Caller:
    """`credential` is the value of the Authorization header."""

    def __init__(self, port: int, credential: str) -> None:
        self._port = port
        self._fields = (
            f" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: {credential}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.failures = 0  # tries without an answer, or told to come again
        self._in_a_row = 0

    async def ask(self, method: str, path: str, body: Any = None, seconds: float = EXCHANGE_SECONDS) -> dict[str, Any]:
        """The body of a good answer, however long it takes to get one."""
        while True:
            try:
                return await self.try_once(method, path, body, seconds)
            except NoAnswer as failure:
                await self.back_off(failure)

    def begin_anew(self) -> None:
        """A back-off of its own for what comes now."""
        self._in_a_row = 0

    async def back_off(self, failure: NoAnswer) -> None:
        self.failures += 1
        ceiling = min(CAP_SECONDS, BASE_SECONDS * 2**self._in_a_row)
        self._in_a_row = min(self._in_a_row + 1, 10)
        await asyncio.sleep(failure.after_seconds + random.uniform(0, ceiling))

    async def try_once(
        self, method: str, path: str, body: Any = None, seconds: float = EXCHANGE_SECONDS
    ) -> dict[str, Any]:
        try:
            async with asyncio.timeout(seconds):
                reply = await self._exchange(method, path, body)
        except (OSError, EOFError, TimeoutError):
            self.close()
            raise NoAnswer(0.0) from None
        if reply.status >= 500 or reply.status in (408, 429):
            raise NoAnswer(float(reply.header("Retry-After") or 0))
        self._in_a_row = 0
        return _content(reply)

    async def _exchange(self, method: str, path: str, body: Any) -> Message:
        """Like the real one: a kept connection that the server has closed is replaced once, at once."""
        was_kept = self._streams is not None
        try:
            return await self._round_trip(method, path, body)
        except (OSError, EOFError):
            if not was_kept:
                raise
            self.close()
            return await self._round_trip(method, path, body)

    async def _round_trip(self, method: str, path: str, body: Any) -> Message:
        if self._streams is None:
            async with asyncio.timeout(CONNECT_SECONDS):
                self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        data = json.dumps(body).encode() if body is not None else b""
        start = f"{method} /agent/v1/{path}".encode()
        self._streams[1].write(b"%b%b%d\r\n\r\n%b" % (start, self._fields, len(data), data))
        return await read_reply(self._streams[0], method)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


def _content(reply: Message) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(reply.body)
    if reply.status >= 400:
        raise Refused(reply.status, str(body.get("code")))
    return body
