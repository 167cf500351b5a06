"""The server's name fails to resolve for a while, then leads to another address: each new connection asks again."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from agent_client.http import AgentHttp, NetworkFailure
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.names import NAME, Names
from tests.contract.messages import HEARTBEAT

pytestmark = pytest.mark.matrix(32)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


@pytest.fixture
def servers() -> Iterator[tuple[FakeServer, FakeServer]]:
    with FakeServer() as first, FakeServer() as second:
        first.epoch = second.epoch = HEARTBEAT["epoch"]
        yield first, second


def port_of(server: FakeServer) -> int:
    port = urlsplit(server.url).port
    assert port is not None
    return port


def test_it_is_looked_up_at_each_new_connection(names: Names, servers: tuple[FakeServer, FakeServer]) -> None:
    first, second = servers
    http = AgentHttp(f"http://{NAME}:80", "Agent a:s")
    with pytest.raises(NetworkFailure):
        http.heartbeat(HEARTBEAT)  # type: ignore[arg-type]
    names.port = port_of(first)
    http.heartbeat(HEARTBEAT)  # type: ignore[arg-type]
    http.heartbeat(HEARTBEAT)  # type: ignore[arg-type]
    assert len(first.heartbeats) == 2
    asked = names.asked
    names.port = port_of(second)
    first.stop()
    for _ in range(2):  # the connection that was kept may fail once
        try:
            http.heartbeat(HEARTBEAT)  # type: ignore[arg-type]
        except NetworkFailure:
            continue
    http.close()
    assert names.asked > asked
    assert second.heartbeats
