"""The short way of a request whose body has come whole: from daphne's request to the adapter and back, without an ASGI
application, its task and its queues. What is not plain is carried on as an application, as daphne does it.

Who is let in, in what order, and by which handler is not decided here: see AddressGuard and OneHop.
"""

import asyncio
import logging
from functools import partial
from typing import Any

from daphne.http_protocol import WebRequest
from django.http import HttpResponseBase

from scheduler_site.access.address_guard import AddressGuard
from scheduler_site.onehop import OneHop, Scope, body_message, is_plain, start_message
from scheduler_site.serving.plain_scope import plain_scope
from scheduler_site.serving.ready_reply import is_ready, write

log = logging.getLogger(__name__)


class Direct:
    def __init__(self, guard: AddressGuard, onehop: OneHop) -> None:
        self._guard, self._onehop = guard, onehop

    def takes(self, request: WebRequest) -> bool:
        """False: it has to go the long way, which knows all that is unusual, waits for the rules and refuses."""
        scope = plain_scope(request)
        if scope is None or not self._guard.lets_in_now(scope):
            return False
        self._onehop.ask(scope, request.content.read(), partial(self._answered, request, scope))
        return True

    def _answered(
        self, request: WebRequest, scope: Scope, response: HttpResponseBase | None, error: BaseException | None
    ) -> None:
        try:
            if response is None:
                raise error or RuntimeError("There is no response.")
            self._send(request, scope, response)
        except Exception as fault:
            log.exception("request_failed path=%r", scope["path"])
            request.handle_exception(fault)

    def _send(self, request: WebRequest, scope: Scope, response: HttpResponseBase) -> None:
        if not is_plain(response):
            self._carry_on(request, scope, response)
        elif is_ready(request, response):
            write(request, response)
        else:
            request.handle_reply(start_message(response))
            request.handle_reply(body_message(response))

    def _carry_on(self, request: WebRequest, scope: Scope, response: HttpResponseBase) -> None:
        """From here on daphne says into the queue that the client has gone, and cancels at the end."""
        events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        request.application_queue = events
        if request.channel is None:
            request.send_disconnect()
        send = partial(request.server.handle_reply, request)
        request.server.carry_on(request, self._onehop.conclude(response, scope, events.get, send))
