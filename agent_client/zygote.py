"""A warm process that forks sub agents: they start in a millisecond and share its memory. It runs no script itself.

Single-threaded, and it imports neither asyncio nor Django, so that a fork is always safe. A folder goes to a sub agent
that is idle, else to a new one. It ends when its socket closes; the sub agents it forked live on, idle ones end.
"""

import encodings.ascii  # loaded by the first file in ASCII otherwise, after a search of the whole import path
import encodings.idna  # noqa: F401 (the first look-up of a host's name loads it, half a MiB in every sub agent)
import gc
import json
import os
import select
import signal
import socket
from collections.abc import Collection
from pathlib import Path
from typing import Any

from agent_client.process.wake_up import child_wake_up
from agent_client.sub_agent.idle import IdleSubAgents
from agent_client.sub_agent.lives import live
from agent_client.sub_agent.run import run

EXIT_FAULT = 1
REAP_SECONDS = 5.0
RECEIVE_BYTES = 65536


def main(descriptor: int) -> int:
    """Serve requests `{"directory": path}`, one JSON line each, with `{"pid": n}` or `{"error": sentence}`."""
    os.set_inheritable(descriptor, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = socket.socket(fileno=descriptor)
    gc.collect()
    gc.freeze()  # what is here now is never moved or scanned again: the pages stay shared with the children
    with child_wake_up() as wake_up:
        _Zygote(connection, wake_up).serve()
    return 0


class _Zygote:
    def __init__(self, connection: socket.socket, wake_up: int) -> None:
        self._connection = connection
        self._wake_up = wake_up
        self._idle = IdleSubAgents()
        self._pending = b""
        self._left: list[Path] = []

    def serve(self) -> None:
        own = [self._connection.fileno(), self._wake_up]
        is_wanted = True
        while is_wanted:
            seconds = min(REAP_SECONDS, self._idle.seconds() or REAP_SECONDS)
            readable = select.select([*own, *self._idle.descriptors()], [], [], seconds)[0]
            if self._wake_up in readable:
                os.read(self._wake_up, 512)
            _reap()
            self._start_left(readable)
            if self._connection.fileno() in readable:
                is_wanted = self._answer()

    def _start_left(self, readable: Collection[int]) -> None:
        """What nobody has taken; where there is no room for a process now, it is tried again."""
        left = [*self._left, *self._idle.look(readable)]
        self._left = [directory for directory in left if "error" in self._start(directory)]

    def _answer(self) -> bool:
        """False when the main agent has gone."""
        received = self._connection.recv(RECEIVE_BYTES)
        *lines, self._pending = (self._pending + received).split(b"\n")
        for line in lines:
            self._connection.sendall(json.dumps(self._answer_to(line)).encode() + b"\n")
        return bool(received)

    def _answer_to(self, line: bytes) -> dict[str, Any]:
        try:
            directory = Path(json.loads(line)["directory"])
        except (ValueError, KeyError, TypeError) as error:
            return {"error": f"not a request: {error!r}"}
        pid = self._idle.hand(directory)
        return self._start(directory) if pid is None else {"pid": pid}

    def _start(self, directory: Path) -> dict[str, Any]:
        try:
            pid = os.fork()
        except OSError as error:
            return {"error": f"cannot fork: {error.strerror}"}
        if pid == 0:
            self._become_sub_agent(directory)
        return {"pid": pid}

    def _become_sub_agent(self, directory: Path) -> None:
        code = EXIT_FAULT
        try:
            writer = signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(writer)
            os.close(self._wake_up)
            self._connection.close()
            self._idle.close()
            detach()
            code = live(directory, self._idle.door)
        finally:
            os._exit(code)  # never back into the zygote's loop, whatever went wrong


def detach() -> None:
    """Own session, no terminal, no stdio of whoever started us, and no hold on their working directory."""
    if os.getpid() != os.getsid(0):
        os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    os.chdir("/")


def _reap() -> None:
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


def slow_path(directory: Path) -> int:
    """`python -m agent_client sub-agent DIR`: the same life without a zygote."""
    directory = directory.absolute()
    detach()
    return run(directory)
