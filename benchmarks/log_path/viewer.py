"""A page that follows one task, as far as the server sees it: the live socket, and one range of bytes a second by a
kept HTTP connection, both signed in by the same cookies. Shows nothing.
"""

import asyncio
import json
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from tests.chaos.http_messages import read_reply

RANGE_BYTES = 64 * 1024
EVERY_SECONDS, ARRIVAL_SECONDS, OPEN_SECONDS = 1.0, 5.0, 30.0
PARTIAL = 206


@dataclass
class Seen:
    """By all viewers together, since the last `forget`."""

    nudges: int = 0
    bytes: int = 0
    fetches: list[float] = field(default_factory=list)  # seconds

    def forget(self) -> None:
        self.nudges, self.bytes = 0, 0
        self.fetches.clear()


@dataclass
class Viewer:
    port: int
    cookies: str
    task_id: int
    seen: Seen
    _size: int = 0

    async def run(self) -> None:
        """Until it is canceled. Comes some time after the others, and connects again when the server has hung up."""
        await asyncio.sleep(random.uniform(0, ARRIVAL_SECONDS))  # noqa: S311 - no secret
        await asyncio.gather(self._listen(), self._fetch_for_ever())

    async def _listen(self) -> None:
        headers, origin = {"Cookie": self.cookies}, Origin(f"http://127.0.0.1:{self.port}")
        address = f"ws://127.0.0.1:{self.port}/ws/live/"
        options: dict[str, Any] = {"origin": origin, "additional_headers": headers, "compression": None}
        async for socket in connect(address, open_timeout=OPEN_SECONDS, **options):
            with suppress(ConnectionClosed):
                await socket.send(json.dumps({"subscribe": [f"task-{self.task_id}"]}))
                async for text in socket:
                    self._take(json.loads(text))

    def _take(self, message: dict[str, Any]) -> None:
        if message["kind"] == "output":
            self.seen.nudges += 1
            self._size = max(self._size, message["size"])

    async def _fetch_for_ever(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            await asyncio.sleep(random.uniform(0, EVERY_SECONDS))  # noqa: S311 - no secret
            while True:
                began = time.monotonic()
                if self._size >= RANGE_BYTES:
                    await self._fetch(reader, writer)
                    self.seen.fetches.append(time.monotonic() - began)
                await asyncio.sleep(max(0.0, began + EVERY_SECONDS - time.monotonic()))
        finally:
            writer.transport.abort()

    async def _fetch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The newest bytes that it was told of."""
        writer.write(
            f"GET /api/tasks/{self.task_id}/log HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nCookie: {self.cookies}\r\n"
            f"Range: bytes={self._size - RANGE_BYTES}-{self._size - 1}\r\n\r\n".encode()
        )
        reply = await read_reply(reader, "GET")
        if reply.status != PARTIAL or len(reply.body) != RANGE_BYTES:
            raise RuntimeError(f"A range was answered {reply.status} with {len(reply.body)} bytes.")
        self.seen.bytes += len(reply.body)
