"""Main agent and sub agent killed at each point between assignment and result: executed at most once, told truly."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent_client import failpoints
from tests.agent_client.fake_server import FakeServer, Handler
from tests.agent_client.main_agent_process import (
    TOKEN,
    AgentProcess,
    assign,
    end_everything,
    for_path,
    place,
    running_agent,
)
from tests.agent_client.sub_agents import processes_of
from tests.waiting import wait_until

SCRIPT = "echo ran >>{witness}; echo out; {then}"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        server.next_in_seconds = 0.3
        yield server


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    """One line for each time the script was executed."""
    return tmp_path / "witness"


@contextmanager
def failing_agent(server: FakeServer, state: Path, orders: str) -> Iterator[AgentProcess]:
    """A main agent with these failpoints, which its sub agents inherit; it may be dead at the end."""
    environment = {"NIGHTSHIFT_AGENT_TOKEN": TOKEN, failpoints.SWITCH: orders}
    agent = AgentProcess(state, "--server", server.url, **environment)
    try:
        yield agent
    finally:
        agent.process.kill()
        agent.process.wait()
        end_everything(agent)


def killed_at(server: FakeServer, state: Path, point: str, script: str) -> None:
    """Returns once the main agent died at this point, with the script assigned to it."""
    with failing_agent(server, state, f"{point}=kill") as agent:
        wait_until(lambda: server.sessions, what="a session")
        assign(server, script=script)
        assert agent.process.wait(20) == -signal.SIGKILL


def finish_of(server: FakeServer) -> dict[str, object]:
    wait_until(lambda: server.sub_agent("s1").is_complete, what="result and output")
    finish = server.sub_agent("s1").finish
    assert finish is not None
    return finish


def lines_of(witness: Path) -> int:
    return len(witness.read_text().splitlines()) if witness.exists() else 0


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("assignment.before_note", marks=pytest.mark.matrix(1)),
        pytest.param("claim.before_request", marks=pytest.mark.matrix(2)),
        pytest.param("claim.before_grant", marks=pytest.mark.matrix(2)),
    ],
)
def test_killed_before_the_grant_was_kept(server: FakeServer, state: Path, witness: Path, point: str) -> None:
    """The next main agent claims it, with the same nonce if one was noted."""
    killed_at(server, state, point, SCRIPT.format(witness=witness, then="exit 4"))
    with running_agent(server, state):
        assert finish_of(server)["exit_code"] == 4
    assert lines_of(witness) == 1
    nonces = {call.body["nonce"] for call in server.calls if call.path.endswith("/claim")}
    assert len(nonces) == 1


@contextmanager
def claiming_ahead(server: FakeServer, state: Path, orders: str) -> Iterator[AgentProcess]:
    """Past its first beat, so that what is placed from now on goes with the next; it dies of that."""
    with failing_agent(server, state, orders) as agent:
        wait_until(lambda: server.ahead.asked, what="claims ahead")
        yield agent
        assert agent.process.wait(20) == -signal.SIGKILL


@pytest.mark.matrix(2)
@pytest.mark.parametrize("point", ["granted.before_start", "claim.before_grant"])
def test_killed_when_what_was_granted_ahead_is_noted(
    server: FakeServer, state: Path, witness: Path, point: str
) -> None:
    """The next main agent claims it under the same nonce."""
    with claiming_ahead(server, state, f"{point}=kill"):
        place(server, script=SCRIPT.format(witness=witness, then="exit 4"))
    (nonce,) = server.ahead.by_nonce
    with running_agent(server, state):
        assert finish_of(server)["exit_code"] == 4
    assert lines_of(witness) == 1
    assert [call.body["nonce"] for call in server.calls if call.path.endswith("/claim")] == [nonce]
    assert server.never_arrived == []


@pytest.mark.matrix(2)
def test_killed_at_the_answer_that_grants_ahead(server: FakeServer, state: Path, witness: Path) -> None:
    """Nothing of it is on disk: the next session says so, and another attempt may have it."""
    with claiming_ahead(server, state, "secret.before_use=sleep:0") as agent:

        def kill(handler: Handler) -> bool:
            handler.dispatch()
            if server.ahead.by_nonce:
                agent.process.kill()
            return bool(server.ahead.by_nonce) and handler.hang_up()

        with server.failing(for_path("/heartbeat", kill)):
            place(server, script=SCRIPT.format(witness=witness, then="exit 4"))
            wait_until(lambda: agent.process.poll() is not None, what="its end")
    with running_agent(server, state):
        wait_until(lambda: server.never_arrived, what="what never arrived")
        assert server.never_arrived == ["s1"]
        names = server.sessions[-1]["incarnations"]
        assert names == [*server.sessions[0]["incarnations"], server.sessions[-1]["incarnation"]]
        assert names[0] != names[-1]
    assert lines_of(witness) == 0


@pytest.mark.matrix(3)
def test_killed_between_grant_and_launch(server: FakeServer, state: Path, witness: Path) -> None:
    killed_at(server, state, "launch.before_fork", SCRIPT.format(witness=witness, then="exit 0"))
    with running_agent(server, state):
        wait_until(lambda: server.sub_agent("s1").not_started, 60, "word that it was not started")  # launches have 20 s
    assert lines_of(witness) == 0
    assert server.sub_agent("s1").finish is None


@pytest.mark.matrix(4)
def test_sub_agent_killed_before_its_start_record(server: FakeServer, state: Path, witness: Path) -> None:
    with failing_agent(server, state, "script.before_record=kill"):
        assign(server, script=SCRIPT.format(witness=witness, then="exit 0"))
        wait_until(lambda: server.sub_agent("s1").not_started, 60, "word that it was not started")  # launches have 20 s
    assert lines_of(witness) == 0


def test_the_start_is_on_disk_before_the_script_runs(server: FakeServer, state: Path, witness: Path) -> None:
    """The sub agent rests before it writes the record: were the script released by then, it would be seen."""
    with failing_agent(server, state, "script.before_record=sleep:2") as agent:
        assign(server, script=SCRIPT.format(witness=witness, then="sleep 300"))
        wait_until(lambda: lines_of(witness), what="the script to run")
        assert agent.folder().read_started() is not None


@pytest.mark.matrix(4)
def test_sub_agent_killed_between_record_and_barrier(server: FakeServer, state: Path, witness: Path) -> None:
    """It may have run as far as anybody can prove, so this is no void attempt; the held child went all the same."""
    with failing_agent(server, state, "script.before_release=kill"):
        assign(server, script=SCRIPT.format(witness=witness, then="exit 0"))
        assert finish_of(server)["reason"] == "sub_lost"
    assert lines_of(witness) == 0


@pytest.mark.matrix(5)
def test_sub_agent_killed_just_after_the_barrier(server: FakeServer, state: Path, witness: Path) -> None:
    with failing_agent(server, state, "script.after_release=kill") as agent:
        assign(server, script=SCRIPT.format(witness=witness, then="sleep 300"))
        assert finish_of(server)["reason"] == "sub_lost"
        assert processes_of(agent.folder()) == []
    assert b"out\n".startswith(server.sub_agent("s1").output())
    assert lines_of(witness) <= 1


@pytest.mark.matrix(10)
def test_sub_agent_killed_between_result_and_report(server: FakeServer, state: Path, witness: Path) -> None:
    with failing_agent(server, state, "exit.after_record=kill"):
        assign(server, script=SCRIPT.format(witness=witness, then="exit 9"))
        finish = finish_of(server)
    assert (finish["reason"], finish["exit_code"]) == ("exit", 9)
    assert server.sub_agent("s1").output() == b"out\n"
    assert lines_of(witness) == 1


@pytest.mark.matrix(11)
def test_killed_before_the_answer_to_the_result_was_read(server: FakeServer, state: Path, witness: Path) -> None:
    """First the sub agent, then the main agent that delivers in its place; the next one tells the same once more."""
    killed_at(server, state, "finish.before_answer", SCRIPT.format(witness=witness, then="exit 9"))
    with running_agent(server, state) as agent:
        assert finish_of(server)["exit_code"] == 9
        wait_until(lambda: not list(agent.sub_agents.iterdir()), what="the folder to be removed")
    entries = [entry for call in server.calls if call.path.endswith("/report") for entry in call.body["entries"]]
    digests = [entry["finish"]["digest"] for entry in entries if entry["finish"]]
    assert len(digests) >= 3
    assert len(set(digests)) == 1
    assert server.sub_agent("s1").output() == b"out\n"
    assert lines_of(witness) == 1


@pytest.mark.parametrize(
    "order", ["claims.before_request=kill", "claim.before_grant=kill", "claim.before_grant=kill@2"]
)
def test_killed_while_several_are_claimed_together(server: FakeServer, state: Path, tmp_path: Path, order: str) -> None:
    """Also with one of them started already: each runs once."""
    names = ["s1", "s2"]
    with failing_agent(server, state, order) as agent:
        wait_until(lambda: server.sessions, what="a session")
        with server.lock:  # no heartbeat sees only the first
            for name in names:
                assign(server, name, SCRIPT.format(witness=tmp_path / name, then="exit 4"))
        assert agent.process.wait(20) == -signal.SIGKILL
        with running_agent(server, state):
            wait_until(lambda: all(server.sub_agent(name).is_complete for name in names), what="both results")
    assert [lines_of(tmp_path / name) for name in names] == [1, 1]
    assert "/agent/v1/claims" in server.paths() or order.startswith("claims")
