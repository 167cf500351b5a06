"""The chaos proxy does to an exchange what was asked, counts it, and leaves the others alone."""

import http.client
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.chaos import faults
from tests.chaos.proxy import Proxy
from tests.waiting import wait_until


class Upstream(BaseHTTPRequestHandler):
    """Answers with the body it got; keeps what came."""

    protocol_version = "HTTP/1.1"
    seen: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(body)
        self.send_response(200)
        self.send_header("X-Instance", "this-one")
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def seen() -> list[bytes]:
    return []


@pytest.fixture
def proxy(seen: list[bytes]) -> Iterator[Proxy]:
    handler = type("Handler", (Upstream,), {"seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    with Proxy(("127.0.0.1", server.server_address[1])) as running:
        yield running
    server.shutdown()
    server.server_close()


def ask(proxy: Proxy, body: bytes = b"hello there", path: str = "/", seconds: float = 5) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(proxy.host, proxy.port, timeout=seconds)
    try:
        connection.request("POST", path, body)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def test_without_a_fault_everything_passes_also_on_a_kept_connection(proxy: Proxy, seen: list[bytes]) -> None:
    connection = http.client.HTTPConnection(proxy.host, proxy.port, timeout=5)
    for number in (b"1", b"2"):
        connection.request("POST", "/", number)
        assert connection.getresponse().read() == number
    connection.close()
    assert ask(proxy, path="/chunked") == (200, b"hello there")
    assert (seen, len(proxy.requests), proxy.counts) == ([b"1", b"2", b"hello there"], 3, {})


@pytest.mark.parametrize(
    ("fault", "arrivals"),
    [(faults.drop_request, 0), (faults.drop_reply, 1), (faults.reset, 1), (faults.truncate_reply, 1)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_lost_answer(proxy: Proxy, seen: list[bytes], fault: faults.Fault, arrivals: int) -> None:
    proxy.fail(fault, times=1)
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(proxy)
    assert len(seen) == arrivals
    assert ask(proxy) == (200, b"hello there")
    assert proxy.counts == {fault.__name__: 1}  # type: ignore[attr-defined]


@pytest.mark.parametrize("fault", [faults.stall, faults.silence], ids=lambda value: value.__name__)
def test_an_answer_that_never_comes(proxy: Proxy, fault: faults.Fault) -> None:
    proxy.fail(fault, times=1)
    with pytest.raises(TimeoutError):
        ask(proxy, seconds=0.3)
    assert ask(proxy)[0] == 200


@pytest.mark.parametrize("fault", [faults.duplicate, faults.duplicate_at_once], ids=lambda value: value.__name__)
def test_a_doubled_request(proxy: Proxy, seen: list[bytes], fault: faults.Fault) -> None:
    proxy.fail(fault)
    assert ask(proxy) == (200, b"hello there")
    assert seen == [b"hello there"] * 2


def test_a_request_that_comes_late(proxy: Proxy, seen: list[bytes]) -> None:
    proxy.fail(faults.late(0.2), times=1)
    with pytest.raises(http.client.HTTPException):
        ask(proxy, b"first")
    assert ask(proxy, b"second")[0] == 200
    wait_until(lambda: seen == [b"second", b"first"], 5, "the first request after the second")


def test_changed_bodies(proxy: Proxy, seen: list[bytes]) -> None:
    proxy.fail(faults.corrupt_request, times=1)
    assert ask(proxy)[1] == seen[-1] != b"hello there"
    proxy.fail(faults.corrupt_reply, times=1)
    assert ask(proxy)[1] != seen[-1] == b"hello there"
    proxy.fail(faults.truncate_request, times=1)
    assert ask(proxy)[1] == b"hello"


def test_answers_that_are_not_the_servers(proxy: Proxy, seen: list[bytes]) -> None:
    ask(proxy)
    for fault, status in ((faults.bad_gateway, 502), (faults.captive_portal, 200), (faults.redirect, 302)):
        proxy.fail(fault, times=1)
        got, body = ask(proxy)
        assert (got, body.startswith(b"hello")) == (status, False)
    proxy.fail(faults.refused("401 Unauthorized", "unauthorized"), times=1)
    assert ask(proxy)[0] == 401
    assert (len(seen), proxy.trapped) == (1, [])
    ask(proxy, path="/trap")
    assert len(proxy.trapped) == 1


def test_a_rule_is_for_its_path_and_its_share(proxy: Proxy) -> None:
    proxy.fail(faults.bad_gateway, path="/report", share=0.5)
    assert {ask(proxy, path="/beat")[0] for _ in range(20)} == {200}
    assert {ask(proxy, path="/report")[0] for _ in range(40)} == {200, 502}
    proxy.clear()
    assert {ask(proxy, path="/report")[0] for _ in range(20)} == {200}


@pytest.mark.parametrize(("replies_only", "arrivals"), [(False, 0), (True, 1)])
def test_a_cut_network(proxy: Proxy, seen: list[bytes], replies_only: bool, arrivals: int) -> None:
    proxy.cut(replies_only=replies_only)
    wait_until(lambda: not proxy.open.is_set(), 5, "the cut")
    with pytest.raises(TimeoutError):
        ask(proxy, seconds=0.3)
    assert len(seen) == arrivals
    proxy.heal()
    wait_until(proxy.open.is_set, 5, "the healing")
    assert ask(proxy)[0] == 200
    assert len(seen) == arrivals + 1


def test_a_slow_answer_and_a_slow_uplink(proxy: Proxy) -> None:
    """1,000 bytes at 2,000 a second, one way and the other."""
    proxy.fail(faults.drip(2000), times=1)
    assert seconds_of(proxy) > 0.4
    proxy.uplink = 2000
    assert seconds_of(proxy) > 0.4


def seconds_of(proxy: Proxy) -> float:
    began = time.monotonic()
    assert ask(proxy, bytes(1000))[0] == 200
    return time.monotonic() - began
