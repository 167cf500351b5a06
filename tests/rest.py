"""The REST API as a signed-in person calls it, inside the test's process. Starts no server."""

from typing import Any

from django.test import Client

from tests.factories import make_user


def rest(username: str = "ada", *, is_staff: bool = False) -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(make_user(username, is_staff=is_staff))
    return client


def post(client: Client, path: str, body: Any = None, **options: Any) -> Any:
    return client.post(path, {} if body is None else body, content_type="application/json", **options)


def patch(client: Client, path: str, body: Any) -> Any:
    return client.patch(path, body, content_type="application/json")
