"""One request on its way from a client to the server and the answer back, for a fault to play with."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tests.chaos.http_messages import Message, read_reply

SLICE_SECONDS = 0.05


class Surroundings(Protocol):
    """What an exchange needs of its proxy."""

    upstream: tuple[str, int]
    instance_id: str
    trap_url: str
    uplink: float | None  # bytes per second, None: as fast as it goes
    open: asyncio.Event  # set unless the network is cut

    def start(self, work: Callable[[], object]) -> None: ...


@dataclass
class Exchange:
    request: Message
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    around: Surroundings
    _server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None)

    @property
    def instance_id(self) -> str:
        """As the server's last answer named it."""
        return self.around.instance_id

    @property
    def trap_url(self) -> str:
        return self.around.trap_url

    async def forward(self, request: Message | None = None) -> Message:
        """The server's answer to the request, or to what it was made into."""
        self._server = self._server or await asyncio.open_connection(*self.around.upstream, limit=2**20)
        reply = await self._ask(self._server, request or self.request)
        self.around.instance_id = reply.header("X-Instance") or self.around.instance_id
        return reply

    async def forward_apart(self) -> Message:
        """A copy on a connection of its own."""
        server = await asyncio.open_connection(*self.around.upstream, limit=2**20)
        try:
            return await self._ask(server, self.request)
        finally:
            server[1].close()

    def forward_later(self, seconds: float) -> None:
        """A copy that outlives this exchange."""

        async def deliver() -> None:
            await asyncio.sleep(seconds)
            with contextlib.suppress(OSError, EOFError):
                await self.forward_apart()

        self.around.start(deliver)

    async def _ask(self, server: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: Message) -> Message:
        await paced(server[1], request.to_bytes(), self.around.uplink)
        return await read_reply(server[0], request.method)

    async def answer(self, reply: Message, bytes_per_second: float | None = None) -> None:
        """Held back while the network is cut: what was under way when it happened does not arrive."""
        await self.around.open.wait()
        await paced(self.client[1], reply.to_bytes(), bytes_per_second)

    async def client_gone(self) -> None:
        """Returns when the client has closed the connection."""
        with contextlib.suppress(OSError):
            while await self.client[0].read(65536):
                pass

    def hang_up(self) -> None:
        self.client[1].close()

    def reset(self) -> None:
        sock = self.client[1].get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client[1].transport.abort()

    def close(self) -> None:
        """The server's side; the client's belongs to the proxy."""
        if self._server is not None:
            self._server[1].close()


async def paced(writer: asyncio.StreamWriter, data: bytes, bytes_per_second: float | None) -> None:
    """Write all of it, not faster than told."""
    if bytes_per_second is None:
        writer.write(data)
        await writer.drain()
        return
    step = max(1, int(bytes_per_second * SLICE_SECONDS))
    for start in range(0, len(data), step):
        writer.write(data[start : start + step])
        await writer.drain()
        await asyncio.sleep(step / bytes_per_second)
