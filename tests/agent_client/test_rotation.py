"""A main agent takes a new secret: stored before it is used, and killed at any moment it still has a good one."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_client import failpoints
from agent_client.enrolment import load_identity, save_identity
from agent_client.main_agent import rotation
from agent_client.main_agent.beat_loop import BeatLoop
from agent_client.main_agent.context import Context
from agent_client.main_agent.doorbell_loop import DoorbellLoop
from tests.agent_client import faults
from tests.agent_client.beats import closed_connections, turns
from tests.agent_client.fake_server import FakeServer, Handler
from tests.agent_client.main_agent_process import TOKEN, AgentProcess, for_path, make_context, running_agent
from tests.waiting import wait_until

OLD, NEW = "secret-agent-1", "new-secret-1"


@pytest.fixture(autouse=True)
def _closed_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with closed_connections(monkeypatch):
        yield


@pytest.fixture
def context(server: FakeServer, tmp_path: Path) -> Context:
    server.secrets = [OLD]
    context = make_context(server, tmp_path)
    save_identity(tmp_path, context.identity)
    return context


def used(server: FakeServer) -> list[str]:
    """The secrets of all calls, each once for those that follow one another."""
    secrets = [call.authorization.rpartition(":")[2] for call in server.calls if call.path != "/agent/v1/register"]
    return [secret for index, secret in enumerate(secrets) if index == 0 or secrets[index - 1] != secret]


def stored(state: Path) -> tuple[str, str]:
    identity = load_identity(state)
    assert identity is not None
    return identity.agent_secret, identity.previous_secret


def test_it_is_fetched_stored_and_used(server: FakeServer, context: Context, tmp_path: Path) -> None:
    loop = BeatLoop(context)
    turns(loop)
    server.wants_rotation = True
    turns(loop, 3)
    assert used(server) == [OLD, NEW]
    assert stored(tmp_path) == (NEW, OLD)
    assert (tmp_path / "agent.json").stat().st_mode & 0o777 == 0o600
    assert (server.secrets, server.issued) == ([NEW], [NEW])


def test_the_doorbell_goes_on_with_it(server: FakeServer, context: Context) -> None:
    loop, doorbell = BeatLoop(context), DoorbellLoop(context)
    heard: list[str] = []

    def note(handler: Handler) -> bool:
        heard.append(handler.headers["Authorization"])
        return faults.overloaded(handler)

    turns(loop)
    server.wants_rotation = True
    with server.failing(for_path("/wait", note)):
        doorbell.turn()
        turns(loop)
        doorbell.turn()
    assert heard == [f"Agent agent-1:{OLD}", f"Agent agent-1:{NEW}"]


def test_a_wait_that_is_refused_because_of_the_change_is_no_failure(server: FakeServer, context: Context) -> None:
    turns(BeatLoop(context))

    def change(handler: Handler) -> bool:
        context.identity = context.identity.with_secret(NEW)
        return faults.unauthorized(handler)

    with server.failing(for_path("/wait", change)):
        assert DoorbellLoop(context).turn() < 1


def test_a_secret_that_cannot_be_stored_is_not_used(
    server: FakeServer, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    loop = BeatLoop(context)
    server.wants_rotation = True
    with monkeypatch.context() as patched:
        patched.setattr(rotation, "save_identity", full)
        turns(loop, 4)
    assert (used(server), stored(tmp_path), len(server.issued)) == ([OLD], (OLD, ""), 1)
    monkeypatch.setattr(rotation, "REST_SECONDS", 0.0)
    loop._rotation._rests_until = 0.0
    turns(loop, 2)
    assert stored(tmp_path) == ("new-secret-2", OLD)


def test_a_lost_reply_changes_nothing_and_holds_up_no_heartbeat(
    server: FakeServer, context: Context, tmp_path: Path
) -> None:
    loop = BeatLoop(context)
    server.wants_rotation = True
    with server.failing(for_path("/secret", faults.drop_reply)):
        turns(loop, 3)
        assert loop.turn() < 30
    assert (len(server.heartbeats), loop._backoff.failures, stored(tmp_path)) == (3, 0, (OLD, ""))
    loop._rotation._rests_until = 0.0
    turns(loop, 2)
    assert stored(tmp_path) == (server.issued[-1], OLD)
    assert used(server) == [OLD, server.issued[-1]]


def test_a_server_that_knows_the_old_one_only_is_told_the_old_one(
    server: FakeServer, context: Context, tmp_path: Path
) -> None:
    """A restored database. The new one comes first at the next start as well: it may be known again."""
    context.identity = context.identity.with_secret("unknown")
    loop = BeatLoop(context)
    assert loop.turn() == 0.0
    turns(loop)
    assert used(server) == ["unknown", OLD]
    server.wants_rotation = True
    turns(loop)
    assert stored(tmp_path) == (NEW, OLD)


def test_both_refused_are_tried_in_turn_and_not_at_once(server: FakeServer, context: Context) -> None:
    server.secrets = []
    context.identity = context.identity.with_secret("unknown")
    loop = BeatLoop(context)
    seconds = [loop.turn() for _ in range(4)]
    assert [pause >= 30 for pause in seconds] == [False, True, False, True]
    assert used(server) == ["unknown", OLD, "unknown", OLD]
    server.secrets = [OLD]
    turns(loop, 3)
    assert used(server)[-1] == OLD


@pytest.mark.parametrize(("point", "issues"), [("secret.before_store", 2), ("secret.before_use", 1)])
def test_killed_while_it_takes_a_new_secret(server: FakeServer, tmp_path: Path, point: str, issues: int) -> None:
    """The next main agent has a good one, and takes the new one to its end."""
    state = tmp_path / "state"
    server.next_in_seconds, server.wants_rotation = 0.3, True
    server.secrets = [OLD]
    environment = {"NIGHTSHIFT_AGENT_TOKEN": TOKEN, failpoints.SWITCH: f"{point}=kill"}
    agent = AgentProcess(state, "--server", server.url, **environment)
    assert agent.process.wait(20) == -signal.SIGKILL
    with running_agent(server, state):
        wait_until(lambda: not server.wants_rotation, what="the new secret to be used")
        beats = len(server.heartbeats)
        wait_until(lambda: len(server.heartbeats) > beats, what="a heartbeat with it")
    assert len(server.issued) == issues
    assert stored(state) == (server.issued[-1], OLD)
    assert server.secrets == [server.issued[-1]]
