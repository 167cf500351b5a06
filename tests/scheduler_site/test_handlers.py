"""Agents' calls pass fewer layers than people's, and lose nothing of what agents are promised."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connections
from django.test import RequestFactory

from scheduler_site.handlers import AgentsHandler, for_agents
from scheduler_site.onehop import OneHop
from scheduler_site.shared.identity import instance_id

pytestmark = pytest.mark.django_db(transaction=True)


def headers_of(path: str, host: str = "localhost") -> tuple[int, dict[str, str]]:
    """Asked through the adapter, as a server asks it: a status and the headers."""
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "query_string": b""}
    scope["headers"] = [(b"host", host.encode()), (b"content-type", b"application/json")]
    asyncio.run(OneHop()(scope, receive, send))
    return said[0]["status"], {name.decode(): value.decode() for name, value in said[0]["headers"]}


def test_an_agents_reply_has_what_agents_heed_and_nothing_for_pages() -> None:
    status, headers = headers_of("/agent/v1/heartbeat")
    assert (status, headers["X-Instance"]) == (401, instance_id())
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert int(headers["Content-Length"]) > 0
    assert not headers.keys() & {"Content-Security-Policy", "Set-Cookie", "X-Frame-Options"}


def test_an_agents_call_to_a_foreign_name_is_refused() -> None:
    assert headers_of("/agent/v1/heartbeat", host="evil.example")[0] == 400


def test_people_get_every_layer() -> None:
    status, headers = headers_of("/api/tasks/")
    assert status == 401
    assert {"Content-Security-Policy", "X-Frame-Options"} <= headers.keys()


def test_what_agents_calls_pass_is_part_of_what_all_pass_in_the_same_order() -> None:
    assert [name for name in settings.MIDDLEWARE if name in settings.AGENT_MIDDLEWARE] == settings.AGENT_MIDDLEWARE


def test_only_fixed_paths_are_looked_up_once() -> None:
    handler = for_agents()
    for path in ("/agent/v1/heartbeat", "/agent/v1/heartbeat", f"/agent/v1/sub-agents/{uuid4()}/log", "/agent/v1/none"):
        handler.get_response(RequestFactory().post(path, SERVER_NAME="localhost"))
    assert isinstance(handler, AgentsHandler)
    assert list(handler._fixed) == ["/agent/v1/heartbeat"]


def test_an_agents_call_leaves_no_connection_of_use_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Django does by signals at the beginning and the end of each request, people's too."""
    looked: list[str] = []
    monkeypatch.setattr(
        type(connections["default"]), "close_if_unusable_or_obsolete", lambda _self: looked.append("looked")
    )
    for path in ("/agent/v1/none", "/health/"):
        looked.clear()
        OneHop()._answer({"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": []}, b"")
        assert looked == ["looked", "looked"]
