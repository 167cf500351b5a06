"""Helpers for tests of the relay: a real one in this process, one that misbehaves by plan, and carriers to them."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from agent_client import relay
from agent_client.http import AgentHttp
from agent_client.main_agent.context import Context
from agent_client.main_agent.relay_loop import RelayLoop
from agent_client.sub_agent.carrier import Carrier
from agent_client.sub_agent.finish import never_ran
from tests.agent_client.fake_server import INSTANCE, FakeServer, Handler
from tests.agent_client.sub_agents import TOKEN

TURN_SECONDS = 0.01
MAIN_AGENT = "Agent agent-1:secret-agent-1"
FINISH = never_ran("sub_lost", "a sentence", {"out": 0}, "2030-01-01T00:00:00Z")
Behaviour = Callable[[socket.socket], None]


def entry(sub_agent_id: str = "sub-1", **parts: Any) -> Any:
    empty: dict[str, Any] = {"started": None, "usage": None, "skips": [], "output": [], "finish": None, "log_close": []}
    return {"sub_agent_id": sub_agent_id, "fence": 7, "token": TOKEN, **empty, **parts}


def carrier(server_url: str, state_dir: Path, sub_agent_id: str = "sub-1", instance_id: str = INSTANCE) -> Carrier:
    own = AgentHttp(server_url, f"SubAgent {sub_agent_id}:{TOKEN}", instance_id)
    return Carrier(own, state_dir, instance_id)


def credentials(server: FakeServer) -> list[str]:
    return [call.authorization for call in server.calls if call.path.endswith("/report")]


def ids_by_request(server: FakeServer) -> list[list[str]]:
    reports = [call.body for call in server.calls if call.path.endswith("/report")]
    return [[one["sub_agent_id"] for one in body["entries"]] for body in reports]


class Gate:
    """Holds the server's answer to the first report back."""

    def __init__(self) -> None:
        self.is_asked = threading.Event()
        self.opens = threading.Event()
        self._is_first = True

    def __call__(self, handler: Handler) -> bool:
        is_first, self._is_first = self._is_first, False
        if is_first:
            self.is_asked.set()
            assert self.opens.wait(20)
        return False


def report(one: Carrier, **parts: Any) -> Any:
    sub_agent_id = one._http._credential.partition(" ")[2].partition(":")[0]  # type: ignore[union-attr]
    return one.report({"entries": [entry(sub_agent_id, **parts)]})


@contextmanager
def running_relay(context: Context) -> Iterator[RelayLoop]:
    """As main_agent.run starts it, with an end."""
    loop, ends = RelayLoop(context), threading.Event()
    assert loop.listen()

    def again(turn: Callable[[float], None]) -> None:
        while not ends.is_set():
            turn(TURN_SECONDS)

    threads = [threading.Thread(target=again, args=(turn,)) for turn in turns(loop)]
    for thread in threads:
        thread.start()
    try:
        yield loop
    finally:
        ends.set()
        for thread in threads:
            thread.join()
        loop.close()


def turns(loop: RelayLoop) -> list[Callable[[float], None]]:
    return [loop.turn, loop.urgent.turn, loop.plain.turn]


@contextmanager
def scripted_relay(state_dir: Path, *behaviours: Behaviour) -> Iterator[None]:
    """Treats one connection after the other as told, and then listens no more."""
    listener = socket.socket(socket.AF_UNIX)
    with relay.address(state_dir) as path:
        listener.bind(path)
    listener.listen()

    def serve() -> None:
        for behave in behaviours:
            try:
                connection, _ = listener.accept()
            except OSError:
                break
            with connection, suppress(OSError):
                behave(connection)
        listener.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        with suppress(OSError):  # it has served all
            listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()
        (state_dir / relay.NAME).unlink()


def read(connection: socket.socket) -> None:
    """The whole request."""
    received = b""
    while (found := relay.head(received)) is None or len(received) < found[1] + found[0]["size"]:
        received += connection.recv(65536)


def hangs_up(connection: socket.socket) -> None:
    """Without a word, as a main agent that is killed."""


def dies_waiting(connection: socket.socket) -> None:
    read(connection)
    connection.sendall(relay.SIGN)


def dies_answering(connection: socket.socket) -> None:
    read(connection)
    connection.sendall(b'\n{"reply": {"next_in')


def says(answer: bytes) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        read(connection)
        connection.sendall(answer)

    return behave


def is_silent(connection: socket.socket) -> None:
    """Takes the entry and does nothing until the sub agent has lost its patience."""
    while connection.recv(65536):
        pass


def says_it_lives(connection: socket.socket) -> None:
    """One sign, and then nothing."""
    connection.sendall(relay.SIGN)
    is_silent(connection)
