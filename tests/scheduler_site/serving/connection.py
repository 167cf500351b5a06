"""A connection to daphne as it is served here, without a socket: bytes in, bytes out. Its loop is the test's."""

import asyncio
from collections.abc import Callable
from typing import Any

from daphne.http_protocol import WebRequest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from scheduler_site.access.address_guard import AddressGuard
from scheduler_site.access.rule_cache import RuleCache
from scheduler_site.onehop import OneHop
from scheduler_site.serving.direct import Direct
from scheduler_site.serving.with_daphne import NightshiftServer
from scheduler_site.shared.addresses import Rule


class Rules(RuleCache):
    """These, without a database."""

    def __init__(self, *rules: Rule) -> None:
        super().__init__()
        self._these = list(rules)

    async def rules(self) -> list[Rule]:
        return self._these

    def known(self) -> list[Rule] | None:
        return self._these


class Connection:
    def __init__(self, onehop: OneHop, rules: RuleCache, *, is_direct: bool = True) -> None:
        guard = AddressGuard(onehop, rules)
        self.server = NightshiftServer(guard, endpoints=["none"], server_name="nightshift")
        self.server.connections = {}
        self.server.direct = Direct(guard, onehop) if is_direct else None
        self.server.http_factory = None
        self._transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.7", 4321))
        self._channel = self.server.http_factory.buildProtocol(self._transport.getPeer())
        self._channel.makeConnection(self._transport)

    def send(self, data: bytes) -> None:
        self._channel.dataReceived(data)

    def go_away(self) -> None:
        self._channel.connectionLost(Failure(ConnectionDone()))

    @property
    def answered(self) -> bytes:
        return bytes(self._transport.value())

    @property
    def is_closed(self) -> bool:
        return bool(self._transport.disconnecting)

    def requests(self) -> list[WebRequest]:
        return list(self.server.connections)

    def applications(self) -> list[asyncio.Task[None]]:
        known: list[dict[str, Any]] = list(self.server.connections.values())
        return [one["application_instance"] for one in known if "application_instance" in one]

    def is_idle(self) -> bool:
        """All that was asked has been answered, or the server has hung up."""
        return self.is_closed or all("disconnected" in one for one in self.server.connections.values())

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)
