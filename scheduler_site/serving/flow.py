"""Back-pressure for daphne: a reply or a socket's message waits until the client has taken what was sent, so that
memory stays bounded.
"""

import asyncio
from typing import Any

from daphne.http_protocol import WebRequest
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer


@implementer(IPushProducer)
class Flow:
    """The transport says pause when its buffer is full, resume when it is empty again."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    def pauseProducing(self) -> None:  # noqa: N802 - the transport's words
        self._open.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self._open.set()

    def stopProducing(self) -> None:  # noqa: N802
        self._open.set()

    async def ready(self) -> None:
        await self._open.wait()


def flow_of(request: WebRequest) -> Flow | None:
    """The flow of a reply in several pieces, made at its first piece."""
    flow: Flow | None = getattr(request, "nightshift_flow", None)
    if flow is None and request.channel is not None and not request.finished:
        flow = request.nightshift_flow = Flow()
        request.registerProducer(flow, True)
    return flow


def end_flow(request: WebRequest) -> None:
    if getattr(request, "nightshift_flow", None) is not None:
        request.nightshift_flow = None
        if request.channel is not None:
            request.unregisterProducer()


async def pass_on(request: Any, message: dict[str, Any]) -> None:
    """Before a further piece: wait for room. Before the last: let go of the transport."""
    if message["type"] != "http.response.body" or not isinstance(request, WebRequest):
        return
    if not message.get("more_body", False):
        end_flow(request)
        return
    flow = flow_of(request)
    if flow is not None:
        await flow.ready()


def flow_of_socket(protocol: WebSocketProtocol) -> Flow:
    """Made at its first message. Until then the transport minds the HTTP connection that the socket was."""
    flow: Flow | None = getattr(protocol, "nightshift_flow", None)
    if flow is None:
        flow = protocol.nightshift_flow = Flow()
        protocol.unregisterProducer()
        protocol.registerProducer(flow, True)
    return flow
