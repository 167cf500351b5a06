"""The pages' socket, through the whole ASGI application: who may open it, what it takes, what it tells."""

import asyncio
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session

from scheduler_site import live_socket
from scheduler_site.live_socket import SIGNED_OUT, LiveSocket, parse
from scheduler_site.same_origin import is_same_origin
from scheduler_site.shared import broadcast
from scheduler_site.threads import Threads
from tasks.output import watchers
from tests.scheduler_site.sockets import connection

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["", "redis://127.0.0.1:1/0"], ids=["directly", "through the layer"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How news come. The layer itself stays the one of tests: in memory."""
    monkeypatch.setattr(settings, "REDIS_URL", request.param)
    return str(request.param)


async def publish(group: str, message: dict[str, Any]) -> None:
    broadcast.attach(asyncio.get_running_loop())
    broadcast._send(group, message)
    await asyncio.gather(*broadcast._sends)
    broadcast.attach(None)


@pytest.mark.usefixtures("way")
async def test_news_of_followed_groups_arrive(socket: WebsocketCommunicator) -> None:
    await socket.send_json_to({"subscribe": ["tasks", "task-41"]})
    assert await socket.receive_nothing(0.05)
    await publish("tasks", {"kind": "task", "id": 41})
    await publish("agents", {"kind": "agent", "id": "x"})
    await publish("task-41", {"kind": "output", "id": 41, "size": 7})
    assert await socket.receive_json_from() == {"kind": "task", "id": 41}
    assert await socket.receive_json_from() == {"kind": "output", "id": 41, "size": 7}
    assert await socket.receive_nothing()


@pytest.mark.usefixtures("way")
async def test_news_wait_for_no_database(socket: WebsocketCommunicator, monkeypatch: pytest.MonkeyPatch) -> None:
    await socket.send_json_to({"subscribe": ["tasks"]})
    assert await socket.receive_nothing(0.05)

    async def looked_after() -> None:
        raise AssertionError("a thread was asked for its connections")

    with monkeypatch.context() as patched:
        patched.setattr("channels.consumer.aclose_old_connections", looked_after)
        await publish("tasks", {"kind": "task", "id": 41})
        assert await socket.receive_json_from() == {"kind": "task", "id": 41}


async def test_a_page_that_takes_nothing_keeps_the_newest_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    takes = asyncio.Event()

    async def send(_self: LiveSocket, text_data: str) -> None:
        await takes.wait()
        sent.append(text_data)

    monkeypatch.setattr(LiveSocket, "send", send)
    socket = LiveSocket(threads=Threads(1, "never begun", at_end=lambda: None))
    for number in range(300):
        socket.hear(str(number))
    assert socket.sending is not None
    takes.set()
    await socket.sending
    assert sent == [str(number) for number in range(200, 300)]


async def test_watching_ends_with_unsubscribing_and_with_the_socket(cookie: str) -> None:
    opened = connection(cookie)
    await opened.connect()
    await opened.receive_json_from()
    await opened.send_json_to({"subscribe": ["task-41", "task-42"]})
    await opened.send_json_to({"subscribe": ["task-41"]})
    assert await opened.receive_nothing(0.05)
    assert watchers.watching(41)
    await opened.send_json_to({"unsubscribe": ["task-41", "agents"]})
    assert await opened.receive_nothing(0.05)
    assert not watchers.watching(41)
    assert watchers.watching(42)
    await opened.disconnect()
    assert not watchers.watching(42)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[]",
        "{}",
        '{"subscribe": "tasks"}',
        '{"subscribe": ["task-0"]}',
        '{"subscribe": ["task-1;drop"]}',
        '{"subscribe": ["users"]}',
        '{"subscribe": [1]}',
        '{"cancel": [1]}',
        '{"read": {}, "cancel": [1]}',
        "[" * 4000,
        '{"subscribe": ["' + "x" * 5000 + '"]}',
    ],
)
def test_what_is_not_ours_is_not_understood(text: str) -> None:
    assert parse(text) is None


async def test_a_wrong_message_gets_a_word_and_the_socket_stays(socket: WebsocketCommunicator) -> None:
    await socket.send_to(text_data="nonsense")
    assert (await socket.receive_json_from())["kind"] == "error"
    await socket.send_to(bytes_data=b"\x00\xff")
    assert (await socket.receive_json_from())["kind"] == "error"


async def test_a_page_follows_a_bounded_number_of_groups(socket: WebsocketCommunicator) -> None:
    await socket.send_json_to({"subscribe": [f"task-{number}" for number in range(1, 22)]})
    assert (await socket.receive_json_from())["kind"] == "error"
    assert watchers.watching(20)
    assert not watchers.watching(21)


async def test_without_a_session_it_does_not_open() -> None:
    is_open, code = await connection("").connect()
    assert not is_open
    assert code == SIGNED_OUT


@pytest.mark.parametrize("origin", ["http://evil.example", "", "null", "http://localhost:9999"])
async def test_from_another_site_it_does_not_open(cookie: str, origin: str) -> None:
    is_open, _ = await connection(cookie, origin).connect()
    assert not is_open


async def test_an_unknown_path_is_refused(cookie: str) -> None:
    is_open, _ = await connection(cookie, path="/ws/other/").connect()
    assert not is_open


async def test_a_session_that_ended_closes_the_socket(cookie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_socket, "RECHECK_SECONDS", 0.01)
    opened = connection(cookie)
    await opened.connect()
    await opened.receive_json_from()
    assert await opened.receive_nothing(0.1)
    await Session.objects.all().adelete()
    closing = await opened.receive_output(5)
    assert (closing["type"], closing["code"]) == ("websocket.close", SIGNED_OUT)


async def test_an_account_that_was_closed_closes_the_socket(cookie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_socket, "RECHECK_SECONDS", 0.01)
    opened = connection(cookie)
    await opened.connect()
    await opened.receive_json_from()
    await get_user_model().objects.aupdate(is_active=False)
    closing = await opened.receive_output(5)
    assert (closing["type"], closing["code"]) == ("websocket.close", SIGNED_OUT)


async def test_a_flood_of_messages_follows_no_more_groups(socket: WebsocketCommunicator) -> None:
    for start in range(0, 200, 10):
        await socket.send_json_to({"subscribe": [f"task-{number}" for number in range(start + 1, start + 11)]})
    kinds = [(await socket.receive_json_from(5))["kind"] for _ in range(18 * 10)]
    assert set(kinds) == {"error"}
    assert watchers.watching(20)
    assert not any(watchers.watching(number) for number in range(21, 201))


@pytest.mark.parametrize(
    ("origin", "host", "is_same"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("https://LOCALHOST:8000", "localhost:8000", True),
        ("http://localhost:8000", "localhost:8001", False),
        ("http://evil.example", "evil.example", False),
        ("file:///etc/passwd", "", False),
        ("http://", "", False),
    ],
)
def test_same_origin(origin: str, host: str, is_same: bool) -> None:
    assert is_same_origin(origin, host) is is_same


def test_the_public_address_is_same_origin_behind_a_proxy(settings: Any) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://lab.example"]
    assert is_same_origin("https://lab.example", "localhost:8000")
    assert not is_same_origin("https://lab.example", "evil.example")
