"""Carries HTTP requests from the event loop to Django's synchronous handler in one hop to a persistent thread.

Django's own ASGI handler makes a new thread, and with it a new database connection, for every request. Threads that
stay keep their connections: several times the throughput. No view is async: one that waits answers Later.
"""

import asyncio
import contextvars
import io
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core import signals
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponseBadRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import set_script_prefix

from scheduler_site import handlers
from scheduler_site.admission import Admission, Busy, busy_answer, rank_of
from scheduler_site.body_limits import AGENT_PREFIX
from scheduler_site.shared.later import Later, gone

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

THREADS = 4
PIECE_BYTES = 64 * 1024


class Disconnected(Exception):
    """The client went away before its request was complete."""


class OneHop:
    """Agents and people have threads of their own: a slow page never delays a heartbeat."""

    def __init__(self) -> None:
        self._handlers = {True: handlers.for_agents(), False: handlers.for_people()}
        self._agents = ThreadPoolExecutor(THREADS, "agents")
        self.people = ThreadPoolExecutor(THREADS, "people")
        self.admission = Admission(THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_agent = is_agents(scope)
        pool = self._agents if is_agent else self.people
        try:
            body = await read_body(receive)
        except Disconnected:
            return
        response = await (self._in_turn(scope, body) if is_agent else self._threaded(pool, scope, body))
        if isinstance(response, Later) and not await response.is_complete(receive):
            return
        if isinstance(response, StreamingHttpResponse):
            await Stream(response, pool, receive, send).run(is_head=scope["method"] == "HEAD")
        else:
            await send_whole(response, send)

    async def _in_turn(self, scope: Scope, body: bytes) -> HttpResponseBase:
        try:
            async with self.admission.place(rank_of(scope["path"], body)):
                return await self._threaded(self._agents, scope, body)
        except Busy as busy:
            return busy_answer(busy)

    async def _threaded(self, pool: ThreadPoolExecutor, scope: Scope, body: bytes) -> HttpResponseBase:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, in_fresh_context, self._answer, scope, body)

    def _answer(self, scope: Scope, body: bytes) -> HttpResponseBase:
        """In a thread. A response that streams is closed later, by its stream."""
        set_script_prefix(scope.get("root_path") or "/")
        signals.request_started.send(sender=type(self), scope=scope)
        try:
            request = ASGIRequest(scope, io.BytesIO(body))
        except UnicodeDecodeError:
            response: HttpResponseBase = HttpResponseBadRequest()
        else:
            response = self._handlers[is_agents(scope)].get_response(request)
        if not isinstance(response, StreamingHttpResponse):
            response.close()
        return response


def is_agents(scope: Scope) -> bool:
    return bool(scope["path"].startswith(AGENT_PREFIX))


def in_fresh_context(function: Callable[..., Any], *arguments: Any) -> Any:
    """No language or prefix of an earlier request on this thread shines through."""
    return contextvars.Context().run(function, *arguments)


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


async def send_whole(response: Any, send: Send) -> None:
    await send(start_message(response))
    await send({"type": "http.response.body", "body": response.content})


class Stream:
    """Sends a response piece by piece, ends when the client goes away, holds one piece at a time."""

    def __init__(self, response: Any, pool: ThreadPoolExecutor, receive: Receive, send: Send) -> None:
        self.response, self.pool, self.receive, self.send = response, pool, receive, send
        self.loop = asyncio.get_running_loop()

    async def run(self, *, is_head: bool) -> None:
        going = asyncio.ensure_future(gone(self.receive))
        try:
            await self.send(start_message(self.response))
            if not is_head:
                await self._pieces(going)
            await self.send({"type": "http.response.body", "body": b""})
        finally:
            going.cancel()
            self.pool.submit(self.response.close)

    async def _pieces(self, going: asyncio.Future[None]) -> None:
        pieces = iter(self.response)
        while not going.done():
            piece = await self.loop.run_in_executor(self.pool, next_piece, pieces)
            if piece is None:
                return
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})


def next_piece(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)
