"""The live socket of somebody who is signed in, through the whole ASGI application."""

from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from scheduler_site.asgi import application
from tests.factories import make_user


def connection(cookie: str, origin: str = "http://localhost", path: str = "/ws/live/") -> WebsocketCommunicator:
    headers = [(b"host", b"localhost"), (b"cookie", cookie.encode())]
    if origin:
        headers.append((b"origin", origin.encode()))
    return WebsocketCommunicator(application, path, headers)


def cookie_of_somebody() -> str:
    client = Client()
    client.force_login(make_user())
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
