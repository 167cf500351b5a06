"""The ASGI application that any server can carry: HTTP in one hop, and one socket."""

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_site.settings")
django.setup()

# Everything below needs Django's apps to be ready.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.sessions import CookieMiddleware  # noqa: E402
from django.urls import path  # noqa: E402

from scheduler_site.access.address_guard import AddressGuard  # noqa: E402
from scheduler_site.body_guard import BodyGuard  # noqa: E402
from scheduler_site.live_socket import LiveSocket  # noqa: E402
from scheduler_site.onehop import OneHop  # noqa: E402
from scheduler_site.same_origin import SameOrigin  # noqa: E402

onehop = OneHop()


async def unknown_socket(_scope: Any, receive: Any, send: Any) -> None:
    """A wrong path is refused, not raised as a fault of ours."""
    await receive()
    await send({"type": "websocket.close", "code": 4404})


routes: list[Any] = [("ws/live/", LiveSocket.as_asgi(threads=onehop.people)), ("<path:rest>", unknown_socket)]
sockets = URLRouter([path(route, consumer) for route, consumer in routes])
application = AddressGuard(
    ProtocolTypeRouter({"http": BodyGuard(onehop), "websocket": SameOrigin(CookieMiddleware(sockets))})
)
