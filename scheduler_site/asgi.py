"""The ASGI application that any server can carry: HTTP in one hop, async views by Django's own handler, one socket."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_site.settings")
django_application = get_asgi_application()

# Everything below needs Django's apps to be ready.
from asgiref.sync import iscoroutinefunction  # noqa: E402
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import Resolver404, path, resolve  # noqa: E402

from scheduler_site.access.address_guard import AddressGuard  # noqa: E402
from scheduler_site.body_guard import BodyGuard  # noqa: E402
from scheduler_site.live_socket import LiveSocket  # noqa: E402
from scheduler_site.onehop import OneHop  # noqa: E402
from scheduler_site.same_origin import SameOrigin  # noqa: E402

onehop = OneHop()


def is_async(url_path: str) -> bool:
    try:
        return bool(iscoroutinefunction(resolve(url_path).func))
    except Resolver404:
        return False


async def http(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if is_async(scope["path"]):
        await django_application(scope, receive, send)
    else:
        await onehop(scope, receive, send)


async def unknown_socket(_scope: Any, receive: Any, send: Any) -> None:
    """A wrong path is refused, not raised as a fault of ours."""
    await receive()
    await send({"type": "websocket.close", "code": 4404})


routes: list[Any] = [("ws/live/", LiveSocket.as_asgi()), ("<path:rest>", unknown_socket)]
sockets = URLRouter([path(route, consumer) for route, consumer in routes])
application = AddressGuard(
    ProtocolTypeRouter({"http": BodyGuard(http), "websocket": SameOrigin(AuthMiddlewareStack(sockets))})
)
