"""The zygote's side of sub agents that have nothing to do: who they are, and which folder was handed to whom.

Forks nothing and waits for no process. An idle one says so at the desk and sends a socket of its own along; over that
it is handed one folder and answers that it took it. Whoever ends before that answer has begun nothing, so that its
folder may be given to another.
"""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

MOST_IDLE = 4
IDLE_SECONDS = 5.0
TAKE_SECONDS = 1.0  # one that was stopped from outside must not hold a script up
TAKEN = b"taken"
LONGEST_PATH_BYTES = 4096
LONGEST_PID_BYTES = 20


@dataclass
class _Idle:
    pid: int
    socket: socket.socket
    since: float
    directory: Path | None = None  # what it was handed


class IdleSubAgents:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._desk, self.door = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._desk.setblocking(False)
        self.door.setblocking(False)
        self._all: list[_Idle] = []

    def descriptors(self) -> list[int]:
        """What becomes readable when `look` has something to see."""
        return [self._desk.fileno(), *(idle.socket.fileno() for idle in self._all)]

    def seconds(self) -> float | None:
        """Until `look` has something to do by the clock."""
        return min((max(0.0, _due_at(idle) - self._clock()) for idle in self._all), default=None)

    def hand(self, directory: Path) -> int | None:
        """Give the folder to the one that worked last, whose memory is warm. Its pid, or None when nobody is there."""
        for idle in reversed(self._waiting()):
            try:
                idle.socket.send(os.fsencode(directory), socket.MSG_DONTWAIT)
            except OSError:
                self._dismiss(idle)
                continue
            idle.directory, idle.since = directory, self._clock()
            return idle.pid
        return None

    def look(self, readable: Collection[int]) -> list[Path]:
        """Admit, dismiss; the folders that were handed to somebody who did not take them."""
        if self._desk.fileno() in readable:
            self._admit()
        heard = [idle for idle in self._all if idle.socket.fileno() in readable]
        late = [idle for idle in self._all if idle not in heard and self._clock() >= _due_at(idle)]
        left = [idle.directory for idle in heard if not _has_taken(idle)] + [idle.directory for idle in late]
        for idle in [*heard, *late, *self._waiting()[:-MOST_IDLE]]:
            self._dismiss(idle)
        return [directory for directory in left if directory is not None]

    def close(self) -> None:
        """In a process that was just forked: only the door is its own."""
        self._desk.close()
        for idle in self._all:
            idle.socket.close()

    def _waiting(self) -> list[_Idle]:
        return [idle for idle in self._all if idle.directory is None]

    def _admit(self) -> None:
        """Those who came, each with the end of a line."""
        with contextlib.suppress(BlockingIOError):
            while True:
                message, descriptors, _, _ = socket.recv_fds(self._desk, LONGEST_PID_BYTES, 1)
                for descriptor in descriptors:  # none where we have no room for one; its sender then ends
                    self._all.append(_Idle(int(message), socket.socket(fileno=descriptor), self._clock()))

    def _dismiss(self, idle: _Idle) -> None:
        """An idle process ends when its socket is closed; one that works does not care."""
        if idle in self._all:
            self._all.remove(idle)
            idle.socket.close()


def next_folder(door: socket.socket, use_time: Callable[[], None] = lambda: None) -> Path | None:
    """In an idle sub agent: the folder it is handed. None when nobody wants it any more. `use_time` is called once it
    can be handed one: until that is here, and is prepared, much of what it begins is done."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, contextlib.suppress(OSError):
        with its:
            socket.send_fds(door, [b"%d" % os.getpid()], [its.fileno()])
        use_time()
        directory = ours.recv(LONGEST_PATH_BYTES)
        if directory:
            ours.send(TAKEN)  # fails when it was given to another meanwhile
            return Path(os.fsdecode(directory))
    return None


def _has_taken(idle: _Idle) -> bool:
    try:
        return idle.socket.recv(len(TAKEN), socket.MSG_DONTWAIT) == TAKEN
    except OSError:
        return False


def _due_at(idle: _Idle) -> float:
    return idle.since + (IDLE_SECONDS if idle.directory is None else TAKE_SECONDS)
