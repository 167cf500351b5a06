"""A page that follows one task, as far as the server sees it: the live socket, and one range of bytes a second on it,
or by a kept HTTP connection as pages do where the socket gives none. Shows nothing.
"""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from tests.chaos.http_messages import read_reply

RANGE_BYTES = 64 * 1024
EVERY_SECONDS, ARRIVAL_SECONDS, OPEN_SECONDS = 1.0, 5.0, 30.0
PARTIAL = 206
BY_SOCKET, BY_HTTP = "socket", "http"


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
    way: str = BY_SOCKET
    _size: int = 0
    _attempt_no: int = 0
    _socket: ClientConnection | None = None
    _answers: asyncio.Queue[str | bytes] = field(default_factory=asyncio.Queue)

    async def run(self) -> None:
        """Until it is canceled. Comes some time after the others, and connects again when the server has hung up."""
        await asyncio.sleep(random.uniform(0, ARRIVAL_SECONDS))  # noqa: S311 - no secret
        fetching = self._fetch_by_http() if self.way == BY_HTTP else self._fetch_for_ever(self._read)
        await asyncio.gather(self._listen(), fetching)

    async def _listen(self) -> None:
        headers, origin = {"Cookie": self.cookies}, Origin(f"http://127.0.0.1:{self.port}")
        address = f"ws://127.0.0.1:{self.port}/ws/live/"
        options: dict[str, Any] = {"origin": origin, "additional_headers": headers, "compression": None}
        async for socket in connect(address, open_timeout=OPEN_SECONDS, **options):
            with suppress(ConnectionClosed):
                await socket.send(json.dumps({"subscribe": [f"task-{self.task_id}"]}))
                self._socket = socket
                async for message in socket:
                    self._take(message)
            self._hung_up()

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self._answers.put_nowait(message)
            return
        told = json.loads(message)
        if told["kind"] == "error":
            self._answers.put_nowait(message)
        elif told["kind"] == "output":
            self.seen.nudges += 1
            self._size, self._attempt_no = max(self._size, told["size"]), told["attempt_no"]

    def _hung_up(self) -> None:
        """What was asked for will not come."""
        self._socket = None
        self._answers.put_nowait(b"")

    async def _fetch_for_ever(self, fetch: Callable[[], Awaitable[int]]) -> None:
        await asyncio.sleep(random.uniform(0, EVERY_SECONDS))  # noqa: S311 - no secret
        while True:
            began = time.monotonic()
            if self._size >= RANGE_BYTES and (size := await fetch()):
                self.seen.bytes += size
                self.seen.fetches.append(time.monotonic() - began)
            await asyncio.sleep(max(0.0, began + EVERY_SECONDS - time.monotonic()))

    async def _read(self) -> int:
        """The newest bytes that it was told of, on the socket; 0 while there is none."""
        if self._socket is None:
            return 0
        self._answers = asyncio.Queue()
        which = {"task": self.task_id, "attempt_no": self._attempt_no, "start": self._size - RANGE_BYTES}
        with suppress(ConnectionClosed):
            await self._socket.send(json.dumps({"read": {"request": 1, **which, "stop": self._size}}))
        answer = await self._answers.get()
        size = len(answer) - answer.index(b"\n") - 1 if isinstance(answer, bytes) and answer else 0
        if answer and size != RANGE_BYTES:
            raise RuntimeError(f"A range was answered {answer[:200]!r} with {size} bytes.")
        return size

    async def _fetch_by_http(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            await self._fetch_for_ever(lambda: self._get(reader, writer))
        finally:
            writer.transport.abort()

    async def _get(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        """The same bytes by HTTP."""
        writer.write(
            f"GET /api/tasks/{self.task_id}/log HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nCookie: {self.cookies}\r\n"
            f"Range: bytes={self._size - RANGE_BYTES}-{self._size - 1}\r\n\r\n".encode()
        )
        reply = await read_reply(reader, "GET")
        if reply.status != PARTIAL or len(reply.body) != RANGE_BYTES:
            raise RuntimeError(f"A range was answered {reply.status} with {len(reply.body)} bytes.")
        return len(reply.body)
