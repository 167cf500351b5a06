"""Connections that mean ill, against a real server: endless bodies, slow heads, slow bodies. Nothing is signed in."""

import contextlib
import socket
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.running import Nightshift, Site
from tests.waiting import wait_until

pytestmark = pytest.mark.acceptance
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def impatient(prepared: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nightshift]:
    """A server that waits one second for a head and for a body."""
    settings = {"HEAD_SECONDS": "1", "BODY_SECONDS": "1"}
    running = Nightshift(prepared, tmp_path_factory.mktemp("impatient"), settings=settings)
    running.start()
    yield running
    running.stop()


def connected(nightshift: Nightshift) -> socket.socket:
    """With small buffers, so that what was sent is what the server took."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    client.settimeout(30)
    client.connect(("127.0.0.1", nightshift.port))
    return client


def sent_until_refused(client: socket.socket, most: int) -> int:
    sent = 0
    piece = b"x" * 65536
    with contextlib.suppress(OSError):
        while sent < most:
            sent += client.send(piece)
    return sent


def rss(nightshift: Nightshift) -> int:
    assert nightshift.server is not None
    return int(psutil.Process(nightshift.server.pid).memory_info().rss)


@pytest.mark.parametrize("length", [b"Content-Length: 1073741824", b"Transfer-Encoding: chunked"])
@pytest.mark.parametrize("path", [b"/api/tasks/", b"/agent/v1/report", b"/login/", b"/agent/v1/wait", b"/nowhere"])
def test_a_gigabyte_without_credentials_is_cut_early(nightshift: Nightshift, path: bytes, length: bytes) -> None:
    before = rss(nightshift)
    with connected(nightshift) as client:
        client.sendall(b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n\r\n" % (path, length))
        if b"chunked" in length:
            client.sendall(b"40000000\r\n")
        assert sent_until_refused(client, 1024 * MIB) < 2 * MIB
    assert rss(nightshift) - before < 32 * MIB
    assert nightshift.http.get(nightshift.url + "/health/", timeout=10).status_code == 200


def test_many_at_once_leave_memory_and_disk_alone(nightshift: Nightshift) -> None:
    before = rss(nightshift)
    clients = [connected(nightshift) for _ in range(50)]
    for client in clients:
        client.sendall(b"POST /api/tasks/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 65000\r\n\r\n")
        client.sendall(b"x" * 60000)
    assert nightshift.http.get(nightshift.url + "/health/", timeout=10).status_code == 200
    assert rss(nightshift) - before < 64 * MIB
    for client in clients:
        client.close()


def test_a_refusal_can_be_read(nightshift: Nightshift) -> None:
    with connected(nightshift) as client:
        client.sendall(b"POST /api/tasks/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n")
        client.sendall(b"x" * 100000)
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"too_large" in answer


def ended_after(client: socket.socket, drip: bytes) -> tuple[bytes, float]:
    """What the server said when it had enough of one byte every 100 ms, and after how long."""
    began, said = time.monotonic(), b""
    client.settimeout(0.1)
    for byte in drip * 100:
        try:
            client.send(bytes([byte]))
            piece = client.recv(4096)
        except TimeoutError:
            continue
        except OSError:
            break
        said += piece
        if not piece:
            break
    return said, time.monotonic() - began


@pytest.mark.parametrize(
    ("head", "drip"),
    [
        (b"", b"GET / HTTP/1.1 and so on "),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X-Slow: 1\r\n"),
        (b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999\r\n\r\n", b"csrf=1&"),
    ],
    ids=["request line", "headers", "body"],
)
def test_who_sends_byte_by_byte_is_sent_away(impatient: Nightshift, head: bytes, drip: bytes) -> None:
    with connected(impatient) as client:
        client.sendall(head)
        said, seconds = ended_after(client, drip)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert seconds < 10


def test_so_is_who_begins_a_second_request_behind_the_first(impatient: Nightshift) -> None:
    whole = b"GET /health/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    begun = b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999\r\n\r\n"
    with connected(impatient) as client:
        client.sendall(whole + begun)
        said, seconds = ended_after(client, b"csrf=1&")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in said
    assert seconds < 10


def test_a_connection_in_order_may_be_used_again_later(impatient: Nightshift) -> None:
    """The deadline is a request's, not a connection's."""
    with connected(impatient) as client:
        for _ in range(3):
            client.sendall(b"GET /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            wait_until(lambda: b"</html>" in client.recv(65536), 10, "the page")
            client.settimeout(0.5)
            with pytest.raises(TimeoutError):
                client.recv(1)
            client.settimeout(30)


def test_a_long_script_of_somebody_known_is_taken(nightshift: Nightshift) -> None:
    script = "#" * (900 * 1024)
    assert nightshift.task(nightshift.submit(script))["status"] == "waiting"
