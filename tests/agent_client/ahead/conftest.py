"""A main agent's beat loop under a fake server, with claims ahead. Starts no process."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_client.main_agent.beat_loop import BeatLoop
from agent_client.main_agent.context import Context
from tests.agent_client.beats import closed_connections, turns
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.main_agent_process import make_context

NAME = uuid.uuid4().hex


@pytest.fixture(autouse=True)
def _closed_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with closed_connections(monkeypatch):
        yield


@pytest.fixture
def context(server: FakeServer, tmp_path: Path) -> Context:
    made = make_context(server, tmp_path)
    made.incarnations.append(NAME)
    return made


@pytest.fixture
def loop(context: Context) -> BeatLoop:
    """With a session and a beat, after which claims go ahead."""
    made = BeatLoop(context)
    turns(made)
    return made
