"""The short way from daphne's request to the adapter: a client sees no difference, and most requests take it."""

import asyncio
import re
import threading
from collections.abc import Callable, Iterator

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path

from scheduler_site.access.rule_cache import RuleCache
from scheduler_site.onehop import THREADS, OneHop
from scheduler_site.shared import identity
from scheduler_site.shared.addresses import Rule, network
from tests.scheduler_site import test_onehop
from tests.scheduler_site.serving.connection import Connection, Rules

pytestmark = pytest.mark.urls(__name__)

goes_on, begun, finished = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)


def held(_request: HttpRequest) -> HttpResponse:
    begun.release()
    goes_on.wait(20)
    finished.release()
    return HttpResponse("held")


def seen(request: HttpRequest) -> HttpResponse:
    names = ("REMOTE_ADDR", "SERVER_NAME", "SCRIPT_NAME", "HTTP_X_FORWARDED_FOR", "HTTP_X_A", "HTTP_X_B")
    return HttpResponse(f"{request.scheme} {request.get_full_path()} {[request.META.get(name) for name in names]}")


urlpatterns = [
    *test_onehop.urlpatterns,
    path("agent/v1/held", held),
    path("agent/v1/later", test_onehop.later),
    path("seen", seen),
    path("held", held),
    path("no-content", lambda _request: HttpResponse(status=204)),
    path("own-server", lambda _request: HttpResponse("x", headers={"Server": "another", "X-Told": "\u00e9"})),
    path("empty", lambda _request: HttpResponse()),
]


@pytest.fixture(autouse=True)
def _nothing_held(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(identity, "_known", "an-instance")
    goes_on.clear()
    for semaphore in (begun, finished):
        while semaphore.acquire(blocking=False):
            pass
    for words in (test_onehop.closed, test_onehop.ended, test_onehop.answers_wanted):
        words.clear()
    yield
    goes_on.set()


@pytest.fixture
def onehop() -> Iterator[OneHop]:
    made = OneHop()
    yield made
    goes_on.set()
    made.close()


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    told = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([line, "Host: localhost", *headers, *told, "", ""]).encode("latin-1") + body


GET = request("GET /echo?who=ada HTTP/1.1")
AGENTS = "/agent/v1"
RANDOM = rb"nightshift_csrf_\d+=\w+; expires=[^;]+|\b\w{64}\b"  # of Django's tokens against forged forms

REQUESTS = {
    "get": GET,
    "of an agent": request(f"POST {AGENTS}/echo HTTP/1.1", body=b"{}"),
    "with a body": request("POST /echo HTTP/1.1", "Authorization: Bearer x", body=b"x" * 300_000),
    "in chunks": request("POST /echo HTTP/1.1", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    "head": request("HEAD /echo HTTP/1.1"),
    "of HTTP/1.0": request("GET /echo HTTP/1.0"),
    "the last": request("GET /echo HTTP/1.1", "Connection: close"),
    "a fault": request("GET /broken HTTP/1.1"),
    "nowhere": request("GET /nowhere HTTP/1.1"),
    "nowhere of an agent": request(f"GET {AGENTS}/nowhere HTTP/1.1"),
    "a foreign name": request("GET /echo HTTP/1.1").replace(b"localhost", b"evil.example"),
    "a stream": request("GET /pieces HTTP/1.1"),
    "head of a stream": request("HEAD /pieces HTTP/1.1"),
    "one that waits": request("GET /later HTTP/1.1"),
    "an agent that waits": request(f"GET {AGENTS}/later HTTP/1.1"),
    "two in a row": GET + request("POST /echo HTTP/1.1", body=b"second"),
    "addresses": request("GET /seen?a=%20b HTTP/1.1", "X-Forwarded-For: 198.51.100.1", "X-A: 1", "X-A: 2", "X_B: 3"),
    "under a prefix": request("GET /seen HTTP/1.1", "Daphne-Root-Path: /under%20here"),
    "a path of other letters": request("GET /s%C3%A9en HTTP/1.1"),
    "a path that is no path": request("GET /\xff HTTP/1.1"),
    "a wrong header": request("GET /echo HTTP/1.1", "X@: 1"),
}


async def exchanged(onehop: OneHop, data: bytes, *, is_direct: bool) -> tuple[bytes, bool]:
    connection = Connection(onehop, Rules(), is_direct=is_direct)
    connection.send(data)
    await connection.until(connection.is_idle)
    return re.sub(RANDOM, b"", connection.answered), connection.is_closed


@pytest.mark.parametrize("data", REQUESTS.values(), ids=REQUESTS.keys())
async def test_both_ways_answer_the_same_bytes(onehop: OneHop, data: bytes) -> None:
    test_onehop.answers_wanted.append("now")
    directly = await exchanged(onehop, data, is_direct=True)
    assert directly[0].startswith(b"HTTP/1.")
    assert directly == await exchanged(onehop, data, is_direct=False)


@pytest.mark.parametrize("data", [GET, REQUESTS["of an agent"], REQUESTS["with a body"], REQUESTS["head"]])
async def test_what_is_plain_takes_no_application(onehop: OneHop, data: bytes) -> None:
    connection = Connection(onehop, Rules())
    connection.send(data)
    assert connection.requests()
    while not connection.is_idle():
        assert connection.applications() == []
        await asyncio.sleep(0)
    assert connection.answered.startswith(b"HTTP/1.1 200 ")


DENIED = Rule(network("192.0.2.0/24"), "deny", "agents")


async def test_who_may_not_connect_is_refused(onehop: OneHop) -> None:
    connection = Connection(onehop, Rules(DENIED))
    connection.send(REQUESTS["of an agent"] + GET)
    await connection.until(connection.is_idle)
    refused, _, let_in = connection.answered.partition(b"}")
    assert refused.startswith(b"HTTP/1.1 403 ")
    assert b"address_refused" in refused
    assert b"HTTP/1.1 200 " in let_in


class Unread(Rules):
    def known(self) -> None:
        return None


async def test_nobody_is_let_in_by_rules_that_are_not_read_yet(onehop: OneHop) -> None:
    rules: RuleCache = Unread(DENIED)
    connection = Connection(onehop, rules)
    connection.send(REQUESTS["of an agent"])
    assert len(connection.applications()) == 1
    await connection.until(connection.is_idle)
    assert connection.answered.startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("place", ["/held", f"{AGENTS}/held"])
async def test_who_goes_away_in_the_middle_leaves_thread_and_place_to_others(onehop: OneHop, place: str) -> None:
    connections = [Connection(onehop, Rules()) for _ in range(THREADS)]
    for connection in connections:
        connection.send(request(f"GET {place} HTTP/1.1"))
    await connections[0].until(lambda: begun.acquire(blocking=False))
    for connection in connections:
        connection.go_away()
    goes_on.set()
    answer, _ = await exchanged(onehop, request(f"GET {place} HTTP/1.1"), is_direct=True)
    assert answer.endswith(b"held")
    assert [connection.answered for connection in connections] == [b""] * THREADS
    assert onehop.admission._free == THREADS


async def test_who_goes_away_ends_a_wait(onehop: OneHop) -> None:
    connection = Connection(onehop, Rules())
    connection.send(request("GET /later HTTP/1.1"))
    await connection.until(connection.applications)
    connection.go_away()
    await connection.until(lambda: test_onehop.ended)
    await asyncio.gather(*connection.applications())
    assert connection.answered == b""


async def test_so_does_who_went_before_the_view_had_answered(onehop: OneHop, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = onehop._answer

    def slow(*arguments: object) -> object:
        begun.release()
        goes_on.wait(20)
        return answer(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(onehop, "_answer", slow)
    connection = Connection(onehop, Rules())
    connection.send(request("GET /pieces HTTP/1.1"))
    await connection.until(lambda: begun.acquire(blocking=False))
    connection.go_away()
    connection.server.connections.clear()  # as daphne does it a second later
    goes_on.set()
    await connection.until(connection.applications)
    await asyncio.gather(*connection.applications())
    await connection.until(lambda: test_onehop.closed)
    assert connection.answered == b""


async def test_the_end_of_the_server_ends_waits(onehop: OneHop) -> None:
    connection = Connection(onehop, Rules())
    connection.send(request("GET /later HTTP/1.1"))
    await connection.until(connection.applications)
    connection.server.kill_all_applications()
    await asyncio.gather(*connection.applications(), return_exceptions=True)
    assert test_onehop.ended == ["ended"]


async def test_the_end_of_the_server_waits_for_no_view(onehop: OneHop) -> None:
    connection = Connection(onehop, Rules())
    connection.send(request(f"GET {AGENTS}/held HTTP/1.1"))
    await connection.until(lambda: begun.acquire(blocking=False))
    assert connection.server.kill_all_applications() is None
    goes_on.set()
    onehop.close()
    assert finished.acquire(timeout=20)  # what runs ends


async def test_a_fault_outside_the_handler_is_answered(
    onehop: OneHop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_arguments: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(onehop, "_answer", fails)
    answer, _ = await exchanged(onehop, GET, is_direct=True)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert "on purpose" in caplog.text


async def test_so_is_an_answer_that_cannot_be_sent(onehop: OneHop, monkeypatch: pytest.MonkeyPatch) -> None:
    unsent = HttpResponse("text")
    unsent.headers._store["x"] = ("X-\u00e9", "1")
    monkeypatch.setattr(onehop, "_answer", lambda *_arguments: unsent)
    answer, _ = await exchanged(onehop, GET, is_direct=True)
    assert answer.startswith(b"HTTP/1.1 500 ")


def _is_held(connection: Connection) -> Callable[[], bool]:
    return lambda: begun.acquire(blocking=False)


async def test_more_than_can_be_served_is_told_when_to_come_again(onehop: OneHop) -> None:
    """Each of many in a row on one connection: one is not answered inside the other."""
    holders = [Connection(onehop, Rules()) for _ in range(THREADS)]
    for holder in holders:
        holder.send(request(f"GET {AGENTS}/held HTTP/1.1"))
        await holder.until(_is_held(holder))
    onehop.admission._seconds = 1000.0
    connection, count = Connection(onehop, Rules()), 200
    connection.send(REQUESTS["of an agent"] * count)
    await connection.until(lambda: connection.answered.count(b"HTTP/1.1 503 ") == count)
    assert connection.answered.lower().count(b"retry-after: ") == count
    goes_on.set()
    for holder in holders:
        await holder.until(holder.is_idle)
        assert holder.answered.endswith(b"held")


@pytest.mark.parametrize(
    "header", ["Upgrade: h2c", "X-A: 1\x0b2", "X@: 1", "X_A: 1", "Daphne-Root-Path: /under", "X-Forwarded-For: ::1"]
)
async def test_what_is_unusual_is_left_to_daphne(onehop: OneHop, header: str) -> None:
    """The last one is not: it is Django's to read."""
    data = request("GET /seen HTTP/1.1", header)
    answer = await exchanged(onehop, data, is_direct=True)
    assert answer == await exchanged(onehop, data, is_direct=False)
    connection = Connection(onehop, Rules())
    connection.send(data)
    is_usual = header.startswith("X-F")
    assert bool(connection.applications()) is (not is_usual and connection.answered == b"")
    await connection.until(connection.is_idle)


@pytest.mark.parametrize("name", ["/no-content", "/own-server", "/empty"])
async def test_replies_that_are_not_like_the_others(onehop: OneHop, name: str) -> None:
    data = request(f"GET {name} HTTP/1.1")
    answer, _ = await exchanged(onehop, data, is_direct=True)
    assert (answer, False) == await exchanged(onehop, data, is_direct=False)
