"""What passes between a sub agent and the relay of its main agent: one entry in, one answer out, then both hang up.

    -> {"instance_id", "is_urgent", "size"} and a line feed, then `size` bytes: the entry as it would be sent
    <- line feeds while it waits (at once, then each second), then one line:
       {"reply": {...}} as the server answered, with this entry's reply alone and `beat_in_seconds`
       {"failure": {"status", "code", "detail", "retry_in_seconds"}}: the server is away or busy
       {"refused": "sentence"}: to be sent without the relay

Holds shapes, names and limits. Opens the socket, and sends and decides nothing.
"""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAME = "relay"
SIGN_SECONDS = 1.0
LARGEST_ENTRY_BYTES = 1024 * 1024
LONGEST_HEAD_BYTES = 1024
LARGEST_ANSWER_BYTES = 256 * 1024
SIGN = b"\n"


class NotUnderstood(Exception):
    """What came over the socket is not of this protocol."""


def request(entry: bytes, instance_id: str | None, *, is_urgent: bool) -> bytes:
    return line({"instance_id": instance_id, "is_urgent": is_urgent, "size": len(entry)}) + entry


def line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def parsed(received: bytes) -> dict[str, Any]:
    """One line as an object. NotUnderstood."""
    try:
        value = json.loads(received, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood(str(error)) from error
    if not isinstance(value, dict):
        raise NotUnderstood("not an object")
    return value


def head(received: bytes) -> tuple[dict[str, Any], int] | None:
    """The head of a request and where its entry begins; None while it is not whole. NotUnderstood."""
    end = received.find(b"\n")
    if end < 0:
        if len(received) > LONGEST_HEAD_BYTES:
            raise NotUnderstood("the head is too long")
        return None
    found = parsed(received[:end])
    size = found.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= LARGEST_ENTRY_BYTES:
        raise NotUnderstood("no usable size")
    return found, end + 1


def is_busy(status: int | None) -> bool:
    """Whether the server asks to be left alone for a while: whoever goes on without the relay makes it worse."""
    return status is not None and (status >= 500 or status in (408, 429))


@contextmanager
def address(state_dir: Path) -> Iterator[str]:
    """The socket's path in a form that is short enough for the kernel, however long the directory's own is."""
    descriptor = os.open(state_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


def connected(state_dir: Path, seconds: float) -> socket.socket:
    """A connection to the relay of the main agent there. OSError when nobody listens."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(seconds)
        with address(state_dir) as path:
            connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
