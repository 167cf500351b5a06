"""A warm process that forks sub agents: they start in a millisecond and share its memory. It runs no script itself.

Single-threaded, and it imports neither asyncio nor Django, so that a fork is always safe. It ends when its socket
closes; the sub agents it forked live on.
"""

import encodings.ascii  # loaded by the first file in ASCII otherwise, after a search of the whole import path
import encodings.idna  # noqa: F401 (the first look-up of a host's name loads it, half a MiB in every sub agent)
import gc
import json
import os
import select
import signal
import socket
from pathlib import Path
from typing import Any

from agent_client.process.wake_up import child_wake_up
from agent_client.sub_agent import run as sub_agent

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
        _serve(connection, wake_up)
    return 0


def _serve(connection: socket.socket, wake_up: int) -> None:
    pending = b""
    while True:
        readable = select.select([connection.fileno(), wake_up], [], [], REAP_SECONDS)[0]
        if wake_up in readable:
            os.read(wake_up, 512)
        _reap()
        if connection.fileno() not in readable:
            continue
        received = connection.recv(RECEIVE_BYTES)
        if not received:
            return
        *lines, pending = (pending + received).split(b"\n")
        for line in lines:
            connection.sendall(json.dumps(_answer(line, connection)).encode() + b"\n")


def _answer(line: bytes, connection: socket.socket) -> dict[str, Any]:
    try:
        directory = Path(json.loads(line)["directory"])
    except (ValueError, KeyError, TypeError) as error:
        return {"error": f"not a request: {error!r}"}
    try:
        pid = os.fork()
    except OSError as error:
        return {"error": f"cannot fork: {error.strerror}"}
    if pid == 0:
        _become_sub_agent(directory, connection)
    return {"pid": pid}


def _become_sub_agent(directory: Path, connection: socket.socket) -> None:
    code = EXIT_FAULT
    try:
        writer = signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(writer)
        connection.close()
        detach()
        code = sub_agent.run(directory)
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
    return sub_agent.run(directory)
