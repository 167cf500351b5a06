"""Lets a browser open a socket only from a page of this very site. Without an Origin it is no browser: refused."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http.request import split_domain_port, validate_host

Application = Callable[..., Awaitable[Any]]


class SameOrigin:
    """Compares Origin with the Host header: a list of allowed names alone would let every page of a LAN in."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if is_same_origin(headers.get("origin", ""), headers.get("host", "")):
            return await self.application(scope, receive, send)
        return await WebsocketDenier()(scope, receive, send)


def is_same_origin(origin: str, host: str) -> bool:
    if origin in settings.CSRF_TRUSTED_ORIGINS and _is_allowed(host):
        return True
    parts = urlsplit(origin)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return False
    return parts.netloc.lower() == host.lower() and _is_allowed(host)


def _is_allowed(host: str) -> bool:
    try:
        domain, _port = split_domain_port(host)
    except DisallowedHost:
        return False
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
