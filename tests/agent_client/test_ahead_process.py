"""The main agent as a real process with real scripts: one script follows the other in the same exchange."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent_client.fake_server import FakeServer
from tests.agent_client.main_agent_process import assign, place, running_agent
from tests.waiting import wait_until

WAITS = "while [ ! -e {gate} ]; do sleep 0.05; done; exit 5"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        server.next_in_seconds = 0.3
        yield server


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """The first script ends when this file exists."""
    return tmp_path / "gate"


def exit_code(server: FakeServer, sub_agent_id: str) -> object:
    finish = wait_until(lambda: server.sub_agent(sub_agent_id).finish, what="the result")
    return finish["exit_code"]


def test_the_next_script_starts_from_the_answer_to_a_report(server: FakeServer, state: Path, gate: Path) -> None:
    """No beat, no bell and no claim is needed for it."""
    with running_agent(server, state):
        wait_until(lambda: server.ahead.asked, what="claims ahead")
        server.next_in_seconds = 600.0
        assign(server, script=WAITS.format(gate=gate))
        wait_until(lambda: server.sub_agent("s1").started, what="the script")
        beats, claims = len(server.heartbeats), [path for path in server.paths() if "claim" in path]
        place(server, "s2", script="exit 6")
        gate.touch()
        assert exit_code(server, "s1") == 5
        assert exit_code(server, "s2") == 6
        reports = [call.body for call in server.calls if call.path.endswith("/report")]
        asked = [body["claims_ahead"] for body in reports if body.get("claims_ahead")]
        (nonce,) = server.ahead.by_nonce
        assert any(nonce in one["nonces"] for one in asked)
        assert len(server.heartbeats) <= beats + 1  # one that was under way
        assert [path for path in server.paths() if "claim" in path] == claims
