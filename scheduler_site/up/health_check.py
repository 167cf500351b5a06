"""Waits until the new server says that it is well. By hand: an HTTP library is three times as large as its watcher."""

import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

INTERVAL_SECONDS = 0.1
ANSWER_SECONDS = 5.0


def is_well(url: str) -> bool:
    place = urlsplit(url)
    try:
        with socket.create_connection((place.hostname, place.port), ANSWER_SECONDS) as connection:
            connection.sendall(f"GET /health/ HTTP/1.0\r\nHost: {place.netloc}\r\n\r\n".encode())
            with connection.makefile("rb") as reply:
                return reply.read().split(maxsplit=2)[1:2] == [b"200"]
    except OSError:
        return False


def wait_until_well(url: str, seconds: float, should_go_on: Callable[[], bool]) -> bool:
    """False when time is up or `should_go_on` says no."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and should_go_on():
        if is_well(url):
            return True
        time.sleep(INTERVAL_SECONDS)
    return False
