"""Runs the application on daphne in the main thread until SIGTERM or SIGINT."""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

from daphne.server import Server, twisted_loop
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import defer, reactor

from scheduler_site.body_guard import BODY_IS_GUARDED
from scheduler_site.serving import flow
from scheduler_site.serving.direct import Direct
from scheduler_site.serving.guarded_channel import GuardedFactory

READ_BYTES = 1024 * 1024
MESSAGE_BYTES = 320 * 1024  # of a socket, both ways: a range of output with its head fits
FRAME_BYTES = 64 * 1024  # of what comes


class NightshiftServer(Server):
    """daphne, with back-pressure for long replies and for sockets, and a clean end."""

    failed_to_listen = ""
    direct: Direct | None = None

    @property
    def http_factory(self) -> GuardedFactory:
        return self._guarded

    @http_factory.setter
    def http_factory(self, _daphne_s_own: Any) -> None:
        """daphne makes its factory in the middle of run(); connections are to come from ours."""
        self._guarded = GuardedFactory(self)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Bodies have come whole through guarded_channel by now."""
        return super().create_application(protocol, {**scope, "extensions": {BODY_IS_GUARDED: {}}})

    def carry_on(self, protocol: Any, rest: Coroutine[Any, Any, None]) -> None:
        """As an application: looked after, and canceled at the end. Of who has long gone daphne knows nothing more."""
        details = self.connections.setdefault(protocol, {"disconnected": time.time()})
        details["application_instance"] = asyncio.ensure_future(rest)

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            await self._handle_message(protocol, message)
            return
        if protocol in self.connections:
            await flow.pass_on(protocol, message)
        await super().handle_reply(protocol, message)

    async def _handle_message(self, protocol: WebSocketProtocol, message: dict[str, Any]) -> None:
        """Returns once the client has taken it, so that whoever sends one at a time has one in memory. A socket that
        closes gets nothing more."""
        if protocol in self.connections and protocol.state not in (protocol.STATE_CLOSING, protocol.STATE_CLOSED):
            taken = flow.flow_of_socket(protocol)
            await super().handle_reply(protocol, message)
            await taken.ready()

    def listen_error(self, failure: Any) -> None:
        self.failed_to_listen = failure.getErrorMessage()
        super().listen_error(failure)

    def kill_all_applications(self) -> Any:
        """Also while connections without an application are open, which daphne's own does not expect."""
        running = [details.get("application_instance") for details in self.connections.values()]
        waiting = [task for task in running if task is not None and not task.done()]
        for task in waiting:
            task.cancel()
        if not waiting:
            return None
        ended = defer.Deferred.fromFuture(asyncio.gather(*waiting, return_exceptions=True))
        return ended.addErrback(lambda _failure: None)


def run(
    application: Any,
    direct: Direct,
    endpoints: list[str],
    on_ready: Callable[[asyncio.AbstractEventLoop], None],
    inherited: int = 0,
) -> str:
    """Blocks until the server ends. Returns why it could not listen, or "". `inherited`: a socket that listens
    already, with other processes."""
    server = NightshiftServer(
        application,
        endpoints=endpoints,
        signal_handlers=True,
        request_buffer_size=READ_BYTES,
        websocket_max_message_size=MESSAGE_BYTES,
        websocket_max_frame_size=FRAME_BYTES,
        server_name="nightshift",
        verbosity=1,
    )
    server.direct = direct
    reactor.callWhenRunning(on_ready, twisted_loop)
    if inherited:
        reactor.callWhenRunning(_adopt, server, inherited)
    server.run()
    return server.failed_to_listen


def _adopt(server: NightshiftServer, number: int) -> None:
    os.set_blocking(number, False)
    with socket.socket(fileno=os.dup(number)) as listening:
        reactor.adoptStreamPort(number, listening.family, server.http_factory)
