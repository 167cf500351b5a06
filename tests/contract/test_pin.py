"""The server's own certificate and what agents and the command line do with it: the token says it, another is refused
before anything is sent.
"""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_client import enrolment_token, pin
from agent_client.http import AgentHttp, NetworkFailure
from agent_client.user_api import UserApi
from agent_client.user_api_errors import Unreachable
from agents.enrolment import packed
from scheduler_site import own_certificate
from tests.agent_client.names import NAME, Names

SECRET = "the-secret"


class TlsServer:
    """Answers one request at a time as a Nightshift server would; `heard` is what arrived inside the encryption."""

    def __init__(self, folder: Path) -> None:
        cert, key = own_certificate.ensure(folder, ["127.0.0.1"])
        self.pin = own_certificate.fingerprint(cert)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.context, self.heard = context, b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(client, server_side=True) as channel:
                    channel.settimeout(5)
                    self._answer(channel)
            except OSError:
                continue

    def _answer(self, channel: Any) -> None:
        said = channel.recv(65536)
        self.heard += said
        if said:
            body = b'{"beat": true, "results": [], "count": 0}'
            head = b"HTTP/1.1 200 OK\r\nX-Instance: i\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
            channel.sendall(head % len(body) + b"Connection: close\r\n\r\n" + body)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TlsServer]:
    running = TlsServer(tmp_path / "ours")
    yield running
    running.close()


@pytest.fixture
def other_pin(tmp_path: Path) -> str:
    return own_certificate.fingerprint(own_certificate.ensure(tmp_path / "other", ["127.0.0.1"])[0])


def test_an_agent_knows_the_server_by_its_pin(server: TlsServer) -> None:
    AgentHttp(pin.joined(server.url, server.pin), f"Agent {SECRET}").wait(1)
    assert SECRET.encode() in server.heard


def test_an_agent_sends_nothing_to_another_certificate(server: TlsServer, other_pin: str) -> None:
    with pytest.raises(NetworkFailure, match="not the one that was pinned"):
        AgentHttp(pin.joined(server.url, other_pin), f"Agent {SECRET}").wait(1)
    assert server.heard == b""


@pytest.mark.matrix(32)
def test_a_name_that_leads_elsewhere_is_followed_only_to_the_same_certificate(
    server: TlsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger at the new address hears nothing; the server itself is known at whatever address it moves to."""
    names, stranger, moved = Names(monkeypatch), TlsServer(tmp_path / "stranger"), TlsServer(tmp_path / "ours")
    http = AgentHttp(pin.joined(f"https://{NAME}:443", server.pin), f"Agent {SECRET}")
    try:
        names.port = server.port
        http.wait(1)
        names.port = stranger.port
        with pytest.raises(NetworkFailure, match="not the one that was pinned"):
            http.wait(1)
        names.port = moved.port
        http.wait(1)
    finally:
        http.close()
        stranger.close()
        moved.close()
    assert (stranger.heard, SECRET.encode() in moved.heard) == (b"", True)


def test_the_command_line_knows_the_server_by_its_pin(server: TlsServer) -> None:
    UserApi(pin.joined(server.url, server.pin), SECRET).tasks()
    assert SECRET.encode() in server.heard


def test_the_command_line_sends_nothing_to_another_certificate(server: TlsServer, other_pin: str) -> None:
    with pytest.raises(Unreachable, match="not the one that was pinned"):
        UserApi(pin.joined(server.url, other_pin), SECRET, retry_pauses=()).tasks()
    assert server.heard == b""


def test_without_a_pin_an_unknown_authority_is_refused_by_both(server: TlsServer) -> None:
    with pytest.raises(NetworkFailure, match=r"(?i)certificate"):
        AgentHttp(server.url, f"Agent {SECRET}").wait(1)
    with pytest.raises(Unreachable, match=r"(?i)certificate"):
        UserApi(server.url, SECRET, retry_pauses=()).tasks()
    assert server.heard == b""


def test_a_token_says_where_and_who(settings: Any) -> None:
    settings.PUBLIC_URL, settings.PIN = "https://night:8000", "ab" * 32
    token = enrolment_token.read(packed("plain"))
    assert (token.secret, token.server_url) == ("plain", f"https://night:8000#sha256={'ab' * 32}")


def test_without_a_certificate_of_our_own_a_token_is_bare(settings: Any) -> None:
    settings.PIN = ""
    assert enrolment_token.read(packed("plain")) == enrolment_token.EnrolmentToken("plain")


@pytest.mark.parametrize("text", ["nse1.", "nse1.x", "nse1.e30", "nse1.bnVsbA", "nse1.W10"])
def test_a_damaged_token_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="cut off or damaged"):
        enrolment_token.read(text)


@pytest.mark.parametrize("url", ["https://h#sha256=12", "http://h#sha256=" + "a" * 64, "https://h#sha256=" + "g" * 64])
def test_what_is_no_pin_is_told(url: str) -> None:
    with pytest.raises(ValueError, match="pin"):
        pin.split(url)


def test_a_pin_is_read_as_tools_print_it_and_kept_when_the_server_moves() -> None:
    printed = ":".join(["AB"] * 32)
    old = pin.joined("https://old", printed)
    assert pin.split(old) == ("https://old", "ab" * 32)
    assert pin.kept("https://new", old) == f"https://new#sha256={'ab' * 32}"
    assert pin.kept("http://127.0.0.1:1", old) == "http://127.0.0.1:1"


def test_the_certificate_is_made_once_and_private(tmp_path: Path) -> None:
    cert, key = own_certificate.ensure(tmp_path / "tls", ["localhost", "[::1]", "127.0.0.1"])
    first = cert.read_bytes()
    assert own_certificate.ensure(tmp_path / "tls", ["else"])[0].read_bytes() == first
    assert {path.stat().st_mode & 0o777 for path in (cert, key)} == {0o600}
