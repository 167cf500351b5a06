"""The beat loop and the doorbell when the server answers nonsense, refuses, or rings too often."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_client.main_agent import local_wish
from agent_client.main_agent.beat_loop import BeatLoop
from agent_client.main_agent.context import Context
from agent_client.main_agent.doorbell_loop import DoorbellLoop
from agent_client.sub_agent.finish import never_ran
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client import faults
from tests.agent_client.beats import claimed_folder, claims, closed_connections, folder, launched, turns
from tests.agent_client.fake_server import FakeServer, Handler, Reply
from tests.agent_client.main_agent_process import assign, grant_of, make_context


@pytest.fixture(autouse=True)
def _closed_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with closed_connections(monkeypatch):
        yield


@pytest.fixture
def context(server: FakeServer, tmp_path: Path) -> Context:
    return make_context(server, tmp_path)


@pytest.mark.parametrize(
    "fault", [faults.bad_gateway, faults.captive_portal, faults.redirect, faults.not_json, faults.overloaded]
)
def test_what_is_no_answer_changes_nothing(server: FakeServer, context: Context, fault: Any) -> None:
    loop = BeatLoop(context)
    turns(loop)
    with server.failing(fault):
        assert loop.turn() >= 0.0
    assert context.epoch == 1
    loop.turn()
    assert len(server.sessions) == 1


GOOD_BEAT: dict[str, Any] = {
    "next_in_seconds": 1.0,
    "assignments": [],
    "directives": [],
    "inventory_wanted": False,
}


@pytest.mark.parametrize(
    "changes",
    [
        {"next_in_seconds": None},
        {"next_in_seconds": "soon"},
        {"assignments": None},
        {"assignments": ["s1"]},
        {"assignments": [{"sub_agent_id": "s1"}]},
        {"assignments": [{"sub_agent_id": "s1", "fence": "7", "task_id": 1}]},
        {"directives": {"s1": "stop"}},
        {"directives": [{"kind": "stop"}]},
        {"inventory_wanted": None},
    ],
)
def test_an_answer_that_cannot_be_used_is_a_failed_exchange(
    server: FakeServer, context: Context, changes: dict[str, Any]
) -> None:
    loop = BeatLoop(context)
    turns(loop)
    server.fail_next(answering({**GOOD_BEAT, **changes}))
    assert loop.turn() >= 0.0
    assert context.epoch == 1
    loop.turn()
    assert len(server.sessions) == 1
    assert list(context.sub_agents.iterdir()) == []


@pytest.mark.parametrize("changes", [{"epoch": None}, {"directives": 3}])
def test_a_session_without_a_usable_answer_is_not_open(
    server: FakeServer, context: Context, changes: dict[str, Any]
) -> None:
    server.fail_next(answering({"epoch": 1, "directives": [], **changes}))
    BeatLoop(context).turn()
    assert context.epoch is None


@pytest.mark.parametrize(
    "changes",
    [
        {"sub_agent_id": "../s2"},
        {"fence": 8},
        {"script_content": None},
        {"environment": {"A": 1}},
        {"time_limit_seconds": "1h"},
    ],
)
def test_a_grant_that_cannot_be_used_starts_nothing(
    server: FakeServer, context: Context, changes: dict[str, Any]
) -> None:
    server.takes_claims = False  # several at once: test_claim_batch
    loop = BeatLoop(context)
    assign(server, "s1")
    assign(server, "s2")
    server.grants["s1"] |= changes
    turns(loop, 3)
    assert launched(context) == ["s2"]
    assert folder(context).local_state() == "assigned"
    assert not (context.sub_agents.parent / "s2").exists()
    assert len(claims(server)) == 2


def test_an_assignment_without_a_nonce_does_not_end_the_agent(server: FakeServer, context: Context) -> None:
    values: Any = grant_of("s1")
    SubAgentDir.create(context.sub_agents, "s1").write_assignment(values)
    turns(BeatLoop(context), 3)
    assert claims(server) == []


def test_a_ring_ends_a_rest_but_no_back_off(server: FakeServer, context: Context) -> None:
    pauses: list[float] = []
    loop = BeatLoop(context, pauses.append)
    loop.turn()
    context.beat_wanted.set()
    loop.rest(300.0)
    assert pauses == []
    with server.failing(faults.overloaded):
        seconds = loop.turn()
    context.beat_wanted.set()
    loop.rest(seconds)
    assert pauses == [seconds]
    assert not context.beat_wanted.is_set()


def test_what_is_asked_on_the_host_is_not_kept_waiting_by_a_failure(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one folder that cannot be written keep the next from its stop."""
    killed: list[str] = []

    def stop(asked: SubAgentDir, _: object) -> None:
        killed.append(asked.sub_agent_id)
        asked.write_exit(never_ran("cancel", "", {}, "now"))
        if asked.sub_agent_id == "s1":
            raise OSError(28, "No space left on device")

    for name in ("s1", "s2"):
        claimed_folder(context, name)
    monkeypatch.setattr(SubAgentDir, "is_alive", lambda one: len(killed) < 2)
    monkeypatch.setattr(local_wish, "request_stop", stop)
    loop = BeatLoop(context)
    context.wish._set(kill=True)
    loop._sit_out(3600.0)
    assert killed == ["s1", "s2"]


def test_a_doorbell_that_answers_at_once_is_not_asked_without_end(server: FakeServer, context: Context) -> None:
    BeatLoop(context).turn()
    server.fail_next(answering({"beat": False}))
    assert DoorbellLoop(context).turn() > 0.5


def answering(body: dict[str, Any]) -> Any:
    def answer(handler: Handler) -> bool:
        handler.answer(Reply(200, body))
        return True

    return answer


def test_the_doorbell_rings_for_a_heartbeat(server: FakeServer, context: Context) -> None:
    doorbell = DoorbellLoop(context)
    assert doorbell.turn() > 0.0
    BeatLoop(context).turn()
    server.doorbell.set()
    context.beat_done.wait = lambda seconds=None: True  # type: ignore[method-assign]
    assert doorbell.turn() == 0.0
    assert context.beat_wanted.is_set()


def test_the_doorbell_of_a_stale_session_waits(server: FakeServer, context: Context) -> None:
    BeatLoop(context).turn()
    server.epoch += 1
    doorbell = DoorbellLoop(context)
    doorbell.turn()
    assert not context.beat_wanted.is_set()
