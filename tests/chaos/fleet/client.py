"""The agent protocol from an event loop: one kept connection for each caller, retried for ever as a real agent does."""

import asyncio
import json
import random
from typing import Any

from tests.chaos.http_messages import Message, read_reply

EXCHANGE_SECONDS = 15.0
WAIT_SECONDS = 40.0
BASE_SECONDS = 0.5
CAP_SECONDS = 30.0


class Refused(Exception):
    """An answer of the protocol that is no success."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


class Caller:
    """`credential` is the value of the Authorization header."""

    def __init__(self, port: int, credential: str) -> None:
        self._port = port
        self._credential = credential
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.failures = 0  # calls without an answer, or told to come again

    async def ask(self, method: str, path: str, body: Any = None, seconds: float = EXCHANGE_SECONDS) -> dict[str, Any]:
        """The body of a good answer, however long it takes to get one."""
        failures_in_a_row = 0
        while True:
            try:
                async with asyncio.timeout(seconds):
                    reply = await self._exchange(method, path, body)
            except (OSError, EOFError, TimeoutError):
                self.close()
                retry_after = 0.0
            else:
                if reply.status < 500 and reply.status not in (408, 429):
                    return _content(reply)
                retry_after = float(reply.header("Retry-After") or 0)
            self.failures += 1
            await asyncio.sleep(retry_after + random.uniform(0, min(CAP_SECONDS, BASE_SECONDS * 2**failures_in_a_row)))
            failures_in_a_row = min(failures_in_a_row + 1, 10)

    async def _exchange(self, method: str, path: str, body: Any) -> Message:
        if self._streams is None:
            async with asyncio.timeout(3):
                self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        data = json.dumps(body).encode() if body is not None else b""
        head = (
            f"{method} /agent/v1/{path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Authorization: {self._credential}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        self._streams[1].write(head.encode() + data)
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
