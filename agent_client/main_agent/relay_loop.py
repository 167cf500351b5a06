"""The socket at which sub agents of this host hand over their reports: reads them whole and puts each into its lane.

Never waits for one of them, and never for the server: relay_lane does that. Without a socket, as on a full disk or a
file system that has none, sub agents report by themselves.
"""

import contextlib
import os
import selectors
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent_client import relay
from agent_client.main_agent.context import Context
from agent_client.main_agent.relay_lane import Grid, Lane, Waiter
from agent_client.system_log import EventLog

log = EventLog(loop="relay")

MOST_OPEN = 512
BACKLOG = 128
READING_SECONDS = 5.0  # within which an entry must have come whole
NO_SOCKET_SECONDS = 30.0
NO_DESCRIPTOR_SECONDS = 0.1
RECEIVE_BYTES = 256 * 1024


@dataclass
class _Reading:
    """A connection whose request is not whole yet."""

    connection: socket.socket
    until: float
    received: bytearray = field(default_factory=bytearray)


class RelayLoop:
    def __init__(self, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._clock = clock
        grid = Grid()
        self.urgent = Lane(context, grid, gathers=False)
        self.plain = Lane(context, grid, gathers=True)
        self._selector = selectors.DefaultSelector()
        self._reading: dict[socket.socket, _Reading] = {}
        self._waiters: list[Waiter] = []
        self._signs_at = 0.0

    def run(self) -> None:
        while not self.listen():
            time.sleep(NO_SOCKET_SECONDS)
        while True:
            self.turn()

    def listen(self) -> bool:
        """False where there can be no socket now. One that a dead main agent left is replaced: its lock is ours."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            remove_socket(self._context.config.state_dir)
            with relay.address(self._context.config.state_dir) as path:
                os.fchmod(listener.fileno(), 0o600)  # what is bound inherits it, so that it never lies open
                listener.bind(path)
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            log.warning("no_relay", detail=f"{error}; sub agents report by themselves")
            return False
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        return True

    def turn(self, most_seconds: float = relay.SIGN_SECONDS) -> None:
        """Whatever has come, at most `most_seconds` later."""
        for key, _ in self._selector.select(most_seconds):
            key.data(key.fileobj)
        if self._clock() >= self._signs_at:
            self._signs_at = self._clock() + relay.SIGN_SECONDS
            self._look_after()

    def close(self) -> None:
        self.urgent.close()
        self.plain.close()
        for waiter in self._waiters:
            waiter.answer({"refused": "this main agent ends"})
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _look_after(self) -> None:
        """Signs of life for those who wait; who does not say what it wants is sent away."""
        self._forget_answered()
        for waiter in self._waiters:
            waiter.sign()
        for reading in list(self._reading.values()):
            if reading.until < self._clock():
                self._drop(reading)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError as error:  # no descriptors are left
            log.warning("not_accepted", detail=str(error))
            time.sleep(NO_DESCRIPTOR_SECONDS)
            return
        connection.setblocking(False)
        if not _is_ours(connection) or self._is_full():
            connection.close()
            return
        self._reading[connection] = _Reading(connection, self._clock() + READING_SECONDS)
        self._selector.register(connection, selectors.EVENT_READ, self._read)

    def _is_full(self) -> bool:
        if len(self._reading) + len(self._waiters) < MOST_OPEN:
            return False
        self._forget_answered()
        return len(self._reading) + len(self._waiters) >= MOST_OPEN

    def _forget_answered(self) -> None:
        self._waiters = [waiter for waiter in self._waiters if not waiter.is_over]

    def _read(self, connection: socket.socket) -> None:
        reading = self._reading[connection]
        try:
            chunk = connection.recv(RECEIVE_BYTES)
            reading.received += chunk
            asked = _whole(bytes(reading.received)) if chunk else None
        except BlockingIOError:
            return
        except (OSError, relay.NotUnderstood):
            self._drop(reading)
            return
        if not chunk:
            self._drop(reading)
        elif asked is not None:
            self._forget(reading)
            self._take(Waiter(connection, asked[1]), asked[0])

    def _take(self, waiter: Waiter, head: dict[str, Any]) -> None:
        why = self._unfit(waiter, head)
        if why:
            waiter.answer({"refused": why})
            return
        waiter.sign()
        self._waiters.append(waiter)
        (self.urgent if head.get("is_urgent") else self.plain).hand(waiter)

    def _unfit(self, waiter: Waiter, head: dict[str, Any]) -> str:
        """Why this entry must not go into a request with others, or with our name on it; empty when it may."""
        if self._context.hands_off:
            return "this main agent may not speak for the host now"
        if head.get("instance_id") != self._context.identity.instance_id:
            return "this main agent is with another server"
        try:
            relay.parsed(waiter.entry)
        except relay.NotUnderstood as error:
            return f"the entry is not JSON: {error}"
        return ""

    def _drop(self, reading: _Reading) -> None:
        self._forget(reading)
        with contextlib.suppress(OSError):
            reading.connection.close()

    def _forget(self, reading: _Reading) -> None:
        self._selector.unregister(reading.connection)
        del self._reading[reading.connection]


def remove_socket(state_dir: Path) -> None:
    """Ours, or what a dead main agent left: whoever holds the directory's lock may. What else lies there stays."""
    path = state_dir / relay.NAME
    with contextlib.suppress(OSError):
        if path.is_socket():
            path.unlink()


def _whole(received: bytes) -> tuple[dict[str, Any], bytes] | None:
    """Head and entry once they are there."""
    found = relay.head(received)
    if found is None:
        return None
    head, begins_at = found
    entry = received[begins_at:]
    if len(entry) > head["size"]:
        raise relay.NotUnderstood("more than one entry")
    return (head, entry) if len(entry) == head["size"] else None


def _is_ours(connection: socket.socket) -> bool:
    """The directory is private, too; this holds also where somebody has opened it."""
    _, user, _ = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    return user in (0, os.geteuid())
