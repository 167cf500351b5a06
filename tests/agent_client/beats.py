"""Helpers for tests of the beat loop, turn by turn: what was claimed, launched and left in the folders."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from agent_client.enrolment import Identity
from agent_client.http import AgentHttp
from agent_client.main_agent.beat_loop import BeatLoop
from agent_client.main_agent.context import Context
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.main_agent_process import grant_of


@contextmanager
def closed_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A main agent's connections end with its process; in a test they are closed at the end."""
    opened: list[AgentHttp] = []
    make = Identity.http

    def http(identity: Identity) -> AgentHttp:
        opened.append(make(identity))
        return opened[-1]

    monkeypatch.setattr(Identity, "http", http)
    yield
    for connection in opened:
        connection.close()


def turns(loop: BeatLoop, count: int = 2) -> None:
    for _ in range(count):
        loop.turn()


def claims(server: FakeServer) -> list[Any]:
    return [call.body for call in server.calls if call.path.endswith("/claim")]


def folder(context: Context, sub_agent_id: str = "s1") -> SubAgentDir:
    return SubAgentDir(context.sub_agents / sub_agent_id)


def launched(context: Context) -> list[str]:
    return [path.name for path in context.launcher.launched]  # type: ignore[attr-defined]


def claimed_folder(context: Context, sub_agent_id: str = "s1") -> SubAgentDir:
    """As a main agent leaves it that died between claim and launch."""
    made = SubAgentDir.create(context.sub_agents, sub_agent_id)
    values: Any = grant_of(sub_agent_id)
    made.write_assignment({**values, "nonce": "n"})
    made.write_grant(values)
    return made
