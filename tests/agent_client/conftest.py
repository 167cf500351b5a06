"""What tests of the agents share: one fake server for each test."""

from collections.abc import Iterator

import pytest

from tests.agent_client.fake_server import FakeServer


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server
