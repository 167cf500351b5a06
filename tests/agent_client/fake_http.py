"""The HTTP side of the fake server: sockets, calls and replies, and faults before a call is handled."""

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from tests.agent_client.fake_server import FakeServer

INSTANCE = "fake-instance"


@dataclass
class Call:
    method: str
    path: str
    authorization: str
    body: Any


@dataclass
class Reply:
    status: int
    body: dict[str, Any]


Fault = Callable[["Handler"], bool]
"""Called before a call is handled; True: it has answered, or hung up, itself."""


class HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *args: Any) -> None:
        self._open: set[Any] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Cut kept connections, as a killed server would."""
        for request in list(self._open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is part of many tests; a failed assertion of the fake reaches the test as a 500."""


class Handler(BaseHTTPRequestHandler):
    server_state: "FakeServer"
    raw: bytes = b""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """Silent."""

    def _serve(self) -> None:
        self.raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server_state.take_fault()
        if fault is not None and fault(self):
            return
        self.answer(self.dispatch())

    def dispatch(self) -> Reply:
        """Handle the call whose body was read into `raw`."""
        raw = self.raw
        parts = urlsplit(self.path)
        is_json = self.headers.get("Content-Type") == "application/json"
        body = json.loads(raw) if raw and is_json else raw
        call = Call(self.command, parts.path, self.headers.get("Authorization", ""), body)
        with self.server_state.lock:
            self.server_state.calls.append(call)
        try:
            return self.server_state.handle(call, parse_qs(parts.query), self.headers)
        except AssertionError as error:
            return Reply(500, {"detail": f"fake server: {error}"})

    def answer(self, reply: Reply, content_type: str = "application/json") -> None:
        content = json.dumps(reply.body).encode()
        self.send(reply.status, content, {"Content-Type": content_type, "X-Instance": INSTANCE})

    def send(self, status: int, content: bytes, headers: dict[str, str], length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def hang_up(self) -> bool:
        self.close_connection = True
        return True
