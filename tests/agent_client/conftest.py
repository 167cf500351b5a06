"""What tests of the agents share: one fake server for each test, and sub agents' carriers to it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent_client.sub_agent.carrier import Carrier
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.relays import carrier


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture
def carriers(server: FakeServer, tmp_path: Path) -> Iterator[Callable[[str], Carrier]]:
    made: dict[str, Carrier] = {}

    def of(sub_agent_id: str) -> Carrier:
        return made.setdefault(sub_agent_id, carrier(server.url, tmp_path, sub_agent_id))

    yield of
    for one in made.values():
        one.close()
