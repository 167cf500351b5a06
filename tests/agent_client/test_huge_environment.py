"""Environments as large as the server lets through, and larger than the kernel does."""

from pathlib import Path

import pytest

from tests.agent_client.fake_server import FakeServer
from tests.agent_client.sub_agents import start_sub_agent

pytestmark = pytest.mark.matrix(45)


def test_ten_thousand_variables_are_all_there(server: FakeServer, tmp_path: Path) -> None:
    variables = {f"HUGE_{number}": "x" * 100 for number in range(10_000)}
    with start_sub_agent(server, tmp_path, "env | grep -c ^HUGE_", environment=variables) as running:
        assert running.wait_delivered()["exit_code"] == 0
    assert running.seen.output() == b"10000\n"


@pytest.mark.parametrize("variables", [{"HUGE": "x" * 131_072}, {f"HUGE_{n}": "x" * 1000 for n in range(10_000)}])
def test_what_the_kernel_refuses_is_said_in_a_sentence(
    server: FakeServer, tmp_path: Path, variables: dict[str, str]
) -> None:
    with start_sub_agent(server, tmp_path, "true", environment=variables) as running:
        finish = running.wait_delivered()
    assert finish["reason"] == "spawn_error"
    assert "larger than host" in finish["detail"]
