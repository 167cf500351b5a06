"""Whose request is being worked on, for histories: who acts and from which address. Decides nothing."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest

from scheduler_site.shared.actors import SYSTEM, Actor
from scheduler_site.shared.client_address import address_of

_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


def request_noted(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """A middleware, after the one that knows the user."""

    def noted(request: HttpRequest) -> Any:
        token = _request.set(request)
        try:
            return get_response(request)
        finally:
            _request.reset(token)

    return noted


def current_actor() -> Actor:
    """Who is signed in, or asks with a token; without a request the system itself."""
    request = _request.get()
    user = getattr(request, "user", None)
    return Actor.user(user) if user is not None and user.is_authenticated else SYSTEM


def current_address() -> str:
    """Where the request came from, as the access rules see it; empty without a request."""
    request = _request.get()
    return address_of(request) if request is not None else ""
