"""Carries HTTP requests from the event loop to Django's synchronous handler in one hop to a persistent thread.

Django's own ASGI handler makes a new thread, and with it a new database connection, for every request. Threads that
stay keep their connections: several times the throughput. No view is async: one that waits answers Later.
"""

import asyncio
import io
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from django.core import signals
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections, connections
from django.http import HttpResponseBadRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import set_script_prefix

from scheduler_site import handlers
from scheduler_site.admission import Admission, Waiting, busy_answer, rank_of
from scheduler_site.body_limits import AGENT_PREFIX
from scheduler_site.shared.later import Later, gone
from scheduler_site.threads import Done, Threads, settle

log = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

THREADS = 4
PIECE_BYTES = 64 * 1024


class Disconnected(Exception):
    """The client went away before its request was complete."""


class OneHop:
    """Agents and people have threads of their own: a slow page never delays a heartbeat. It is an ASGI application; a
    server that has the whole body at hand may `ask`, which takes no coroutine, and `conclude` what is not plain."""

    def __init__(self) -> None:
        self._handlers = {True: handlers.for_agents(), False: handlers.for_people()}
        self._agents = Threads(THREADS, "agents", at_end=connections.close_all)
        self.people = Threads(THREADS, "people", at_end=connections.close_all)
        self.admission = Admission(THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(receive)
        except Disconnected:
            return
        await self.conclude(await self._answered(scope, body), scope, receive, send)

    def ask(self, scope: Scope, body: bytes, done: Done) -> Waiting | None:
        """From the loop. `done` is called there with the response, later than this returns."""
        if not is_agents(scope):
            self.people.call(lambda: self._answer(scope, body), done)
            return None
        return self.admission.ask(
            rank_of(scope["path"], body),
            let_in=lambda: self._admitted(scope, body, done),
            send_away=lambda busy: done(busy_answer(busy), None),
        )

    async def conclude(self, response: HttpResponseBase, scope: Scope, receive: Receive, send: Send) -> None:
        """Waits for what comes later, and sends. `receive` tells of the client's going away."""
        if isinstance(response, Later) and not await response.is_complete(receive):
            return
        if isinstance(response, StreamingHttpResponse):
            threads = self._agents if is_agents(scope) else self.people
            await Stream(response, threads, receive, send).run(is_head=scope["method"] == "HEAD")
        else:
            await send_whole(response, send)

    def close(self) -> None:
        """Returns when no thread works any more."""
        self._agents.close()
        self.people.close()

    async def _answered(self, scope: Scope, body: bytes) -> HttpResponseBase:
        future: asyncio.Future[HttpResponseBase] = asyncio.get_running_loop().create_future()
        waiting = self.ask(scope, body, settle(future))
        try:
            return await future
        finally:
            if waiting is not None:
                self.admission.withdraw(waiting)

    def _admitted(self, scope: Scope, body: bytes, done: Done) -> None:
        began = time.monotonic()

        def left(response: Any, error: BaseException | None) -> None:
            self.admission.leave(time.monotonic() - began)
            done(response, error)

        self._agents.call(lambda: self._answer(scope, body), left)

    def _answer(self, scope: Scope, body: bytes) -> HttpResponseBase:
        """In a thread."""
        set_script_prefix(scope.get("root_path") or "/")
        return self._answer_agent(scope, body) if is_agents(scope) else self._answer_person(scope, body)

    def _answer_agent(self, scope: Scope, body: bytes) -> HttpResponseBase:
        """Of what Django's request signals are for, a call of an agent needs only this: it has no cache or file. All
        of them took a fifth of what a call takes beside its view."""
        close_old_connections()
        try:
            return self._response(scope, body)
        finally:
            close_old_connections()

    def _answer_person(self, scope: Scope, body: bytes) -> HttpResponseBase:
        """A response that streams is closed later, by its stream."""
        signals.request_started.send(sender=type(self), scope=scope)
        response = self._response(scope, body)
        if not isinstance(response, StreamingHttpResponse):
            response.close()
        return response

    def _response(self, scope: Scope, body: bytes) -> HttpResponseBase:
        try:
            request = ASGIRequest(scope, io.BytesIO(body))
        except UnicodeDecodeError:
            return HttpResponseBadRequest()
        return self._handlers[is_agents(scope)].get_response(request)


def is_agents(scope: Scope) -> bool:
    return bool(scope["path"].startswith(AGENT_PREFIX))


def is_plain(response: HttpResponseBase) -> bool:
    """Whether all of it is known, so that it can be sent at once."""
    return not isinstance(response, Later | StreamingHttpResponse)


async def read_body(receive: Receive) -> bytes:
    """How much may come is the body guard's business, before this."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def start_message(response: HttpResponseBase) -> dict[str, Any]:
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
    headers += [
        (b"Set-Cookie", cookie.output(header="").lstrip().encode("ascii")) for cookie in response.cookies.values()
    ]
    return {"type": "http.response.start", "status": response.status_code, "headers": headers}


def body_message(response: Any) -> dict[str, Any]:
    return {"type": "http.response.body", "body": response.content}


async def send_whole(response: HttpResponseBase, send: Send) -> None:
    await send(start_message(response))
    await send(body_message(response))


class Stream:
    """Sends a response piece by piece, ends when the client goes away, holds one piece at a time."""

    def __init__(self, response: Any, threads: Threads, receive: Receive, send: Send) -> None:
        self.response, self.threads, self.receive, self.send = response, threads, receive, send

    async def run(self, *, is_head: bool) -> None:
        going = asyncio.ensure_future(gone(self.receive))
        try:
            await self.send(start_message(self.response))
            if not is_head:
                await self._pieces(going)
            await self.send({"type": "http.response.body", "body": b""})
        finally:
            going.cancel()
            self.threads.call(self.response.close, closed)

    async def _pieces(self, going: asyncio.Future[None]) -> None:
        pieces = iter(self.response)
        while not going.done():
            piece = await self.threads.run(next_piece, pieces)
            if piece is None:
                return
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})


def next_piece(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)


def closed(_nothing: None, error: BaseException | None) -> None:
    if error is not None:
        log.error("stream_not_closed", exc_info=error)
