"""daphne's connections with limits: how large a body may be before it is stored, how long a request may take to come.

Twisted stores a whole body before daphne calls the application, so the ASGI wrapper alone would come too late.
"""

import json
from functools import partial
from typing import Any

from daphne.http_protocol import HTTPFactory, WebRequest
from django.conf import settings
from twisted.internet import reactor as twisted_reactor
from twisted.web import http

from scheduler_site.body_guard import REFUSALS
from scheduler_site.body_limits import has_credential, limit_of
from scheduler_site.serving.silence import SilenceTimer
from scheduler_site.shared.identity import instance_id

reactor: Any = twisted_reactor
BaseChannel: Any = http.HTTPChannel  # untyped in parts

DRAINED_BYTES = 256 * 1024  # read on and thrown away after a refusal, so that the client can read it
LINGER_SECONDS = 2.0
WORDS = {408: b"408 Request Timeout", 413: b"413 Content Too Large"}


class GuardedRequest(WebRequest):
    """Counts its body. The channel says no; the rest of what comes is not stored."""

    limit = received = 0

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's words
        headers = [(name, value) for name, values in self.requestHeaders.getAllRawHeaders() for value in values]
        self.limit = limit_of(self.channel.path_asked(), has_credential=has_credential(headers))
        super().gotLength(length)
        self.channel.await_body()
        if length is not None and length > self.limit:
            self.channel.refuse(413)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        self.received += len(data)
        if self.received > self.limit:
            self.channel.refuse(413)
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        self.channel.is_complete()
        if not self.channel.is_refused:
            super().requestReceived(command, path, version)

    def process(self) -> None:
        direct = self.server.direct
        if direct is None or not direct.takes(self):
            super().process()


class GuardedChannel(SilenceTimer, BaseChannel):
    """One connection. The deadline runs from a request's first byte to its last; silence has a time-out of its
    own."""

    is_refused = False
    drained = 0
    deadline: Any = None
    _reads = False
    _wanted: float | None = None
    _own_end: Any = None

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """A deadline is set for what is not complete afterwards: most requests come in one piece and need none."""
        if self.is_refused:
            self._drain(len(data))
            return
        self._reads = True
        if self.deadline is None and not self._handlingRequest:
            self._due_soon(settings.HEAD_SECONDS)
        try:
            super().dataReceived(data)
        finally:
            self._reads = False
            wanted, self._wanted = self._wanted, None
        if wanted is not None and not self.is_refused:
            self._due_in(wanted)

    def getHost(self) -> Any:  # noqa: N802
        """Asked for each request; it stays the same as long as the connection does."""
        if self._own_end is None:
            self._own_end = super().getHost()
        return self._own_end

    def path_asked(self) -> str:
        return str(self._path.decode("latin-1").partition("?")[0])

    def await_body(self) -> None:
        self._due_soon(settings.BODY_SECONDS)

    def is_complete(self) -> None:
        self._wanted = None
        self._due_in(None)

    def refuse(self, status: int) -> None:
        if self.is_refused:
            return
        self.is_refused = True
        self.persistent = False
        self.transport.write(refusal(status))
        self._due_in(LINGER_SECONDS)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        self._due_in(None)
        super().connectionLost(reason)
        self.end_timer()

    def _due_soon(self, seconds: float) -> None:
        if self._reads:
            self._wanted = seconds
        else:
            self._due_in(seconds)

    def _due_in(self, seconds: float | None) -> None:
        if self.deadline is not None and self.deadline.active():
            self.deadline.cancel()
        self.deadline = None if seconds is None else reactor.callLater(seconds, self._overdue)

    def _overdue(self) -> None:
        self.deadline = None
        if self.is_refused:
            self.transport.abortConnection()
        else:
            self.refuse(408)

    def _drain(self, size: int) -> None:
        self.drained += size
        if self.drained > DRAINED_BYTES:
            self.transport.abortConnection()


def refusal(status: int) -> bytes:
    """Whole: no request is complete that could answer. Agents heed only what says whose it is."""
    body = json.dumps(REFUSALS[status]).encode()
    head = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Type: application/json\r\n" % WORDS[status]
    return head + b"X-Instance: %s\r\nContent-Length: %d\r\n\r\n%s" % (instance_id().encode(), len(body), body)


class GuardedFactory(HTTPFactory):
    protocol = GuardedChannel

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
        """Forms are Django's to read: Twisted would parse each content type with the machinery of mail."""
        channel = super().buildProtocol(addr)
        channel.requestFactory = partial(GuardedRequest, parsePOSTFormSubmission=False)
        return channel

    def log(self, request: Any) -> None:
        """No line of an access log, which nobody would get to see."""
