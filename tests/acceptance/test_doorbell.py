"""The doorbell of a real server, heard by a real client: whole, and while the client waits."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from agent_client.http import AgentHttp, NetworkFailure
from tests.contract.messages import SESSION
from tests.running import Nightshift

pytestmark = pytest.mark.acceptance


@pytest.fixture
def host(nightshift: Nightshift) -> Iterator[AgentHttp]:
    """Enrolled; nothing of it runs."""
    client = AgentHttp(nightshift.url, None)
    body: Any = {
        "name": "listener",
        "hostname": "listener",
        "machine_id": "listener",
        "agent_version": "1",
        "proto": SESSION["proto"],
    }
    known = client.register(nightshift.site.enrolment_token, body)
    client.close()
    client = AgentHttp(nightshift.url, f"Agent {known['agent_id']}:{known['agent_secret']}")
    yield client
    client.close()


def test_a_placement_is_heard_while_the_host_waits(nightshift: Nightshift, host: AgentHttp) -> None:
    session: Any = {**SESSION, "machine_id": "listener", "sub_agents": []}
    epoch = host.open_session(session)["epoch"]
    heard: list[Any] = []

    def listen() -> None:
        try:
            heard.append(host.wait(epoch))
        except NetworkFailure as failure:
            heard.append(failure)

    listener = threading.Thread(target=listen)
    listener.start()
    nightshift.submit("true", cpu_cores=1)
    listener.join(60)
    assert heard == [{"beat": True}]
