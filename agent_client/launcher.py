"""Starts sub agents for the main agent: through the zygote, or one fresh Python each where that cannot be had.

Launching twice is harmless: the second process finds the folder locked or started and goes. Not thread-safe.
"""

import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import agent_client
from agent_client.main_agent.priority import ordinary_priority
from agent_client.sub_agent.environment import of_sub_agents

log = logging.getLogger(__name__)

SWITCH = "NIGHTSHIFT_ZYGOTE"
REPLY_SECONDS = 30.0
END_SECONDS = 5.0
PACKAGE_PARENT = Path(agent_client.__file__).resolve().parent.parent


class LaunchFailed(Exception):
    """The host could not start the process; the script was certainly not executed."""


class _ZygoteGone(Exception):
    pass


class Launcher:
    def __init__(self, use_zygote: bool | None = None) -> None:
        """`use_zygote` None: as NIGHTSHIFT_ZYGOTE says; only 0 turns it off."""
        self._use_zygote = os.environ.get(SWITCH) != "0" if use_zygote is None else use_zygote
        self._zygote: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._slow: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Warm the zygote up. Does not wait for it, and does not fail: launch() will find another way."""
        if self._use_zygote and self._zygote is None:
            with contextlib.suppress(_ZygoteGone):
                self._start_zygote()

    def launch(self, directory: Path) -> None:
        """Start the sub agent of the folder. Raises LaunchFailed."""
        directory = directory.absolute()
        self._slow = [process for process in self._slow if process.poll() is None]
        if self._use_zygote and self._launch_by_zygote(directory):
            return
        try:
            self._slow.append(_popen(["sub-agent", str(directory)]))
        except OSError as error:
            raise LaunchFailed(f"cannot start a sub agent: {error.strerror}") from error

    def close(self) -> None:
        """End the zygote. Sub agents live on."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._zygote is not None:
            try:
                self._zygote.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._zygote.kill()
                self._zygote.wait()
            self._zygote = None
        for process in self._slow:
            process.poll()
            process.returncode = process.returncode or 0  # it outlives us on purpose: no warning about that
        self._slow.clear()

    def _launch_by_zygote(self, directory: Path) -> bool:
        """False when no zygote can be had; a zygote that died is replaced once."""
        for _ in range(2):
            try:
                reply = _ask(self._socket or self._start_zygote(), {"directory": str(directory)})
            except _ZygoteGone as error:
                log.warning("zygote is gone error=%s", error)
                self.close()
                continue
            if "error" in reply:
                raise LaunchFailed(str(reply["error"]))
            return True
        return False

    def _start_zygote(self) -> socket.socket:
        ours, its = socket.socketpair()
        try:
            self._zygote = _popen(["zygote", str(its.fileno())], pass_fds=(its.fileno(),), keeps_stderr=True)
        except OSError as error:
            ours.close()
            raise _ZygoteGone(f"cannot start it: {error.strerror}") from error
        finally:
            its.close()
        ours.settimeout(REPLY_SECONDS)
        self._socket = ours
        return ours


def _ask(connection: socket.socket, request: dict[str, Any]) -> dict[str, Any]:
    try:
        connection.sendall(json.dumps(request).encode() + b"\n")
        received = b""
        while not received.endswith(b"\n"):
            chunk = connection.recv(4096)
            if not chunk:
                raise _ZygoteGone("it closed its socket")
            received += chunk
        reply: dict[str, Any] = json.loads(received)
    except (OSError, ValueError) as error:
        raise _ZygoteGone(str(error) or type(error).__name__) from error
    return reply


def _popen(
    arguments: list[str], pass_fds: tuple[int, ...] = (), keeps_stderr: bool = False
) -> "subprocess.Popen[bytes]":
    """A Python of ours in its own session, started where no file of a user can shadow a module."""
    with ordinary_priority():
        return subprocess.Popen(
            [sys.executable, "-m", "agent_client", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if keeps_stderr else subprocess.DEVNULL,
            cwd=PACKAGE_PARENT,
            env=of_sub_agents(os.environ),
            start_new_session=True,
            pass_fds=pass_fds,
        )
