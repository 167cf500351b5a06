import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from scheduler_site.up.health_check import is_well


class Answers(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        good = self.path == "/health/" and self.headers["Host"] == f"127.0.0.1:{self.server.server_port}"
        self.send_response(self.status if good else 400)
        self.end_headers()
        self.wfile.write(b'{"status": 200}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_only_200_is_well(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_well(url)
    monkeypatch.setattr(Answers, "status", 503)
    assert not is_well(url)


def test_nobody_there_is_not_well() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert not is_well(f"http://127.0.0.1:{taken.getsockname()[1]}")


@pytest.mark.parametrize("reply", [b"", b"what?\r\n", b"HTTP/1.0"])
def test_what_is_no_answer_is_not_well(reply: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_once, args=(listener, reply))
        thread.start()
        assert not is_well(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()


def answer_once(listener: socket.socket, reply: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(reply)
