"""The ASGI wrapper that lets in or turns away by address, before any credential is looked at.

The rules are read anew every few seconds, and at once when they change in this process. Does not know what they mean.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from django.db import Error, connection

from agents import access_rules
from agents.signals import access_changed
from scheduler_site.body_limits import AGENT_PREFIX
from scheduler_site.shared import addresses
from scheduler_site.shared.client_address import client_address
from scheduler_site.shared.identity import instance_id

log = logging.getLogger(__name__)

READ_EVERY_SECONDS = 5.0
REFUSED = 4403
BODY = b'{"code": "address_refused", "detail": "This address may not connect here."}'


class RuleCache:
    def __init__(self) -> None:
        self._rules: list[addresses.Rule] = []
        self._read_at: float | None = None
        access_changed.connect(self._changed)

    async def rules(self) -> list[addresses.Rule]:
        if self.known() is None:
            self._read_at = time.monotonic()  # one reader at a time; the others use what is known
            self._rules = await asyncio.to_thread(_read, self._rules)
        return self._rules

    def known(self) -> list[addresses.Rule] | None:
        """None when it is time to read them anew."""
        read_at = self._read_at  # a change may come from any thread
        is_fresh = read_at is not None and time.monotonic() - read_at <= READ_EVERY_SECONDS
        return self._rules if is_fresh else None

    def _changed(self, **_more: Any) -> None:
        self._read_at = None


def _read(known: list[addresses.Rule]) -> list[addresses.Rule]:
    """What is known stays while the database does not answer."""
    try:
        return access_rules.rules()
    except Error as error:
        log.warning("access_rules_not_read reason=%r", str(error))
        return known
    finally:
        if not connection.in_atomic_block:
            connection.close()


class AddressGuard:
    def __init__(self, application: Callable[..., Awaitable[Any]], cache: RuleCache | None = None) -> None:
        self.application, self.cache = application, cache or RuleCache()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket") or is_let_in(await self.cache.rules(), scope):
            is_socket = scope["type"] == "websocket"
            await self.application(scope, partial(self._heard, scope, receive, send) if is_socket else receive, send)
            return
        log.warning("address_refused client=%r path=%r", scope.get("client"), scope["path"])
        await (refuse_socket(receive, send) if scope["type"] == "websocket" else refuse(send))

    def lets_in_now(self, scope: dict[str, Any]) -> bool:
        """Without waiting: False also where the rules have to be read first."""
        rules = self.cache.known()
        return rules is not None and is_let_in(rules, scope)

    async def _heard(self, scope: dict[str, Any], receive: Any, send: Any) -> dict[str, Any]:
        """A socket outlives the rules of its handshake: whatever it says is let in or not like a request."""
        message: dict[str, Any] = await receive()
        if message["type"] != "websocket.receive" or is_let_in(await self.cache.rules(), scope):
            return message
        log.warning("address_refused client=%r path=%r", scope.get("client"), scope["path"])
        await send({"type": "websocket.close", "code": REFUSED})
        return {"type": "websocket.disconnect", "code": REFUSED}


def is_let_in(rules: list[addresses.Rule], scope: dict[str, Any]) -> bool:
    if not rules:
        return True
    forwarded = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"x-forwarded-for"]
    peer = (scope.get("client") or [""])[0]
    audience = "agents" if scope["path"].startswith(AGENT_PREFIX) else "people"
    return addresses.is_let_in(rules, client_address(peer, forwarded), audience)


async def refuse(send: Any) -> None:
    headers = [(b"Content-Type", b"application/json"), (b"X-Instance", instance_id().encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


async def refuse_socket(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.close", "code": REFUSED})
