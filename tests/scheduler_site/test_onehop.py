"""The adapter between the event loop and Django's handler, driven as an ASGI server drives it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from scheduler_site import onehop
from scheduler_site.onehop import OneHop
from scheduler_site.shared.later import Later
from tests.waiting import wait_until

pytestmark = pytest.mark.urls(__name__)

closed: list[str] = []


@csrf_exempt
def echo(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(
        request.body, headers={"X-Method": str(request.method), "X-Who": request.GET.get("who", "")}
    )
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


@csrf_exempt
def broken(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("on purpose")


def pieces(_request: HttpRequest) -> StreamingHttpResponse:
    def produce() -> Iterator[bytes]:
        try:
            for number in range(1000):
                yield b"%d\n" % number
        finally:
            closed.append("closed")

    return StreamingHttpResponse(produce())


answers_wanted: list[str] = []
ended: list[str] = []


def later(_request: HttpRequest) -> HttpResponse:
    async def wait() -> bytes:
        try:
            while not answers_wanted:
                await asyncio.sleep(0.001)
        finally:
            ended.append("ended")
        return b"now"

    return Later(b"not yet", wait)


urlpatterns = [
    path("echo", echo),
    path("agent/v1/echo", echo),
    path("later", later),
    path("pieces", pieces),
    path("broken", broken),
]


class Exchange:
    """One request; `sent` is what the application answered."""

    def __init__(self, url: str, *bodies: bytes, method: str = "POST", goes_away_after: int | None = None) -> None:
        location, _, query = url.partition("?")
        self.scope = {
            "type": "http",
            "method": method,
            "path": location,
            "query_string": query.encode(),
            "headers": [(b"host", b"localhost")],
        }
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for number, body in enumerate(bodies or (b"",)):
            more = number < len(bodies) - 1
            self.incoming.put_nowait({"type": "http.request", "body": body, "more_body": more})
        self.sent: list[dict[str, Any]] = []
        self.goes_away_after = goes_away_after

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        if len(self.sent) == self.goes_away_after:
            self.incoming.put_nowait({"type": "http.disconnect"})
            await asyncio.sleep(0)

    async def run(self) -> "Exchange":
        await OneHop()(self.scope, self.incoming.get, self.send)
        self.check_length()
        return self

    def check_length(self) -> None:
        """A client waits for as many bytes as it was told of."""
        told = dict(self.headers).get(b"Content-Length") if self.sent else None
        assert told is None or self.scope["method"] == "HEAD" or int(told) == len(self.body)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return list(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])


async def test_body_query_headers_and_cookies_arrive() -> None:
    done = await Exchange("/echo?who=ada", b"one ", b"two").run()
    assert (done.status, done.body) == (200, b"one two")
    assert (b"X-Who", b"ada") in done.headers
    assert len([name for name, _ in done.headers if name == b"Set-Cookie"]) == 2


async def test_a_fault_in_a_view_is_answered() -> None:
    assert (await Exchange("/broken").run()).status == 500


async def test_a_stream_is_sent_piece_by_piece_and_closed() -> None:
    closed.clear()
    done = await Exchange("/pieces", method="GET").run()
    assert done.body == b"".join(b"%d\n" % number for number in range(1000))
    assert len(done.sent) > 1000
    wait_until(lambda: closed == ["closed"], 10, "the stream to be closed")


async def test_a_client_that_goes_away_ends_the_stream() -> None:
    closed.clear()
    done = await Exchange("/pieces", method="GET", goes_away_after=5).run()
    assert len(done.sent) < 20
    wait_until(lambda: closed == ["closed"], 10, "the stream to be closed")


async def test_an_answer_is_waited_for_without_a_thread() -> None:
    ended.clear()
    answers_wanted.clear()
    application = OneHop()
    many = [Exchange("/later", method="GET") for _ in range(3 * onehop.THREADS)]
    waits = [asyncio.create_task(application(one.scope, one.incoming.get, one.send)) for one in many]
    echo_meanwhile = Exchange("/echo", b"x")
    await application(echo_meanwhile.scope, echo_meanwhile.incoming.get, echo_meanwhile.send)
    assert (echo_meanwhile.body, {wait.done() for wait in waits}) == (b"x", {False})
    answers_wanted.append("now")
    await asyncio.gather(*waits)
    assert {one.body for one in many} == {b"now"}
    for one in many:
        one.check_length()


async def test_a_client_that_goes_away_ends_the_wait() -> None:
    ended.clear()
    answers_wanted.clear()
    exchange = Exchange("/later", method="GET")
    exchange.incoming.put_nowait({"type": "http.disconnect"})
    await exchange.run()
    await asyncio.sleep(0)
    assert (exchange.sent, ended) == ([], ["ended"])


async def test_a_head_of_a_stream_has_no_body() -> None:
    done = await Exchange("/pieces", method="HEAD").run()
    assert (done.status, done.body) == (200, b"")


async def test_a_client_that_goes_away_before_its_body_is_complete_gets_nothing() -> None:
    exchange = Exchange("/echo", b"half", b"")
    exchange.incoming.get_nowait()
    exchange.incoming.get_nowait()
    exchange.incoming.put_nowait({"type": "http.disconnect"})
    assert (await exchange.run()).sent == []
