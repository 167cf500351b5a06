"""The ASGI wrapper that reads bodies for the application: never more than the limit, never longer than the deadline.

Outside Django, whose handler would spool a whole body to disk before any of its own code sees the request. daphne reads
bodies before it calls an application at all: for it serving.guarded_channel asks the same limits, and says so.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

from scheduler_site.body_limits import AGENT_PREFIX, has_credential, limit_of
from scheduler_site.shared.identity import instance_id

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

BODY_IS_GUARDED = "nightshift.body_is_guarded"  # an extension of the scope

REFUSALS = {
    413: {"code": "too_large", "detail": "The body is larger than this call takes."},
    408: {"code": "too_slow", "detail": "The body did not arrive in time."},
}


class BodyTooLarge(Exception):
    pass


class BodyTooSlow(Exception):
    pass


class BodyGuard:
    def __init__(self, application: Callable[..., Awaitable[Any]]) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if BODY_IS_GUARDED in (scope.get("extensions") or ()):
            await self.application(scope, receive, send)
        else:
            await self._guarded(scope, receive, send)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = limit_of(scope["path"], has_credential=has_credential(scope["headers"]))
        body = GuardedBody(receive, limit, asyncio.get_running_loop().time() + settings.BODY_SECONDS)
        try:
            await self.application(scope, body.receive, send)
        except BodyTooLarge:
            await refuse(scope["path"], 413, send)
        except BodyTooSlow:
            await refuse(scope["path"], 408, send)


class GuardedBody:
    """Once the body is complete, `receive` is the server's own: it tells of the client's going away."""

    def __init__(self, receive: Receive, limit: int, deadline: float) -> None:
        self._receive, self.left, self.deadline = receive, limit, deadline
        self.is_complete = False

    async def receive(self) -> dict[str, Any]:
        message = await (self._receive() if self.is_complete else self._in_time())
        if message["type"] == "http.request":
            self.left -= len(message.get("body", b""))
            self.is_complete = not message.get("more_body", False)
            if self.left < 0:
                raise BodyTooLarge
        return message

    async def _in_time(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout_at(self.deadline):
                return await self._receive()
        except TimeoutError:
            raise BodyTooSlow from None


async def refuse(path: str, status: int, send: Send) -> None:
    """Django's middleware is not asked: what it would say to an agent is said here."""
    headers = [(b"Content-Type", b"application/json"), (b"Connection", b"close")]
    if path.startswith(AGENT_PREFIX):
        headers.append((b"X-Instance", instance_id().encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(REFUSALS[status]).encode()})
