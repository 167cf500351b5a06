"""The ASGI wrapper that lets in or turns away by address, before any credential is looked at. Does not know what the
rules mean; while they cannot be read at all, nobody is let in."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from scheduler_site.access.rule_cache import RuleCache
from scheduler_site.body_limits import AGENT_PREFIX
from scheduler_site.shared import addresses
from scheduler_site.shared.client_address import client_address
from scheduler_site.shared.database_trouble import RETRY_SECONDS
from scheduler_site.shared.identity import instance_id

log = logging.getLogger(__name__)

REFUSED, TRY_AGAIN = 4403, 1013  # how sockets are closed
BODY = b'{"code": "address_refused", "detail": "This address may not connect here."}'
UNKNOWN = b'{"code": "busy", "detail": "The server cannot read who may connect; try again."}'

Application = Callable[..., Awaitable[Any]]


class AddressGuard:
    def __init__(self, application: Application, cache: RuleCache | None = None) -> None:
        self.application, self.cache = application, cache or RuleCache()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        rules = await self.cache.rules() if scope["type"] in ("http", "websocket") else []
        if is_let_in(rules, scope):
            is_socket = scope["type"] == "websocket"
            await self.application(scope, partial(self._heard, scope, receive, send) if is_socket else receive, send)
            return
        log.warning("address_refused client=%r path=%r known=%s", scope.get("client"), scope["path"], rules is not None)
        if scope["type"] == "websocket":
            await refuse_socket(receive, send, TRY_AGAIN if rules is None else REFUSED)
        else:
            await (refuse(send, 503, UNKNOWN) if rules is None else refuse(send, 403, BODY))

    def lets_in_now(self, scope: dict[str, Any]) -> bool:
        """Without waiting: False also where the rules have to be read first."""
        return is_let_in(self.cache.known(), scope)

    async def _heard(self, scope: dict[str, Any], receive: Any, send: Any) -> dict[str, Any]:
        """A socket outlives the rules of its handshake: whatever it says is let in or not like a request."""
        message: dict[str, Any] = await receive()
        if message["type"] != "websocket.receive" or is_let_in(await self.cache.rules(), scope):
            return message
        log.warning("address_refused client=%r path=%r", scope.get("client"), scope["path"])
        await send({"type": "websocket.close", "code": REFUSED})
        return {"type": "websocket.disconnect", "code": REFUSED}


def is_let_in(rules: list[addresses.Rule] | None, scope: dict[str, Any]) -> bool:
    """By rules that are not known nobody is."""
    if not rules:
        return rules is not None
    forwarded = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"x-forwarded-for"]
    peer = (scope.get("client") or [""])[0]
    audience = "agents" if scope["path"].startswith(AGENT_PREFIX) else "people"
    return addresses.is_let_in(rules, client_address(peer, forwarded), audience)


async def refuse(send: Any, status: int, body: bytes) -> None:
    headers = [(b"Content-Type", b"application/json"), (b"X-Instance", instance_id().encode())]
    if status == 503:
        headers.append((b"Retry-After", str(RETRY_SECONDS).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse_socket(receive: Any, send: Any, code: int) -> None:
    await receive()
    await send({"type": "websocket.close", "code": code})
