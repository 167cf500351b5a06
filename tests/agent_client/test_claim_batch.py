"""Several assignments of one beat: noted durably, claimed in one call, each started or refused as if alone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_client.main_agent import claim_batch
from agent_client.main_agent.beat_loop import BeatLoop
from agent_client.main_agent.context import Context
from tests.agent_client import faults
from tests.agent_client.beats import closed_connections, folder, launched, turns
from tests.agent_client.fake_server import FakeServer, Handler
from tests.agent_client.main_agent_process import assign, for_path, make_context

NAMES = ["a", "b", "c"]


@pytest.fixture(autouse=True)
def _closed_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with closed_connections(monkeypatch):
        yield


@pytest.fixture
def context(server: FakeServer, tmp_path: Path) -> Context:
    return make_context(server, tmp_path)


@pytest.fixture
def loop(server: FakeServer, context: Context) -> BeatLoop:
    """With a session, and three assignments waiting."""
    loop = BeatLoop(context)
    loop.turn()
    for name in NAMES:
        assign(server, name, f"echo {name}")
    return loop


def calls(server: FakeServer) -> list[str]:
    return [path.rpartition("/")[2] for path in server.paths() if "claim" in path]


def answering(change: Any) -> Any:
    """A fault: the answer to the claims is changed on its way."""

    def fault(handler: Handler) -> bool:
        reply = handler.dispatch()
        change(reply.body["replies"])
        handler.answer(reply)
        return True

    return for_path("/claims", fault)


def test_one_call_for_all(server: FakeServer, context: Context, loop: BeatLoop) -> None:
    loop.turn()
    assert calls(server) == ["claims"]
    (body,) = [call.body for call in server.calls if call.path.endswith("/claims")]
    for name, claim in zip(NAMES, body["claims"], strict=True):
        noted, grant = folder(context, name).read_assignment(), folder(context, name).read_grant()
        assert noted is not None
        assert grant is not None
        assert claim == {
            "sub_agent_id": name, "fence": 7, "nonce": noted["nonce"], "master_port": None, "fences": True,
        }  # fmt: skip
        assert grant["script_content"] == f"echo {name}"
    assert launched(context) == NAMES


def test_every_note_is_durable_before_anything_is_claimed(
    server: FakeServer, context: Context, loop: BeatLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    sync, claims = os.fsync, loop._http.claims

    def counted(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        sync(descriptor)

    def asked(body: Any) -> Any:
        for name in NAMES:
            path = context.sub_agents / name
            assert [one.parent for one in synced].count(path) == 1  # the note itself
            assert path in synced
        assert synced[-1] == context.sub_agents
        return claims(body)

    monkeypatch.setattr("os.fsync", counted)
    monkeypatch.setattr(loop._http, "claims", asked)
    loop.turn()
    assert launched(context) == NAMES


def test_a_single_one_is_claimed_as_ever(server: FakeServer, context: Context) -> None:
    assign(server)
    turns(BeatLoop(context))
    assert (calls(server), launched(context)) == (["claim"], ["s1"])


def test_an_older_server_is_asked_for_each_alone(server: FakeServer, context: Context, loop: BeatLoop) -> None:
    server.takes_claims = False
    loop.turn()
    assert (calls(server), launched(context)) == (["claims", "claim", "claim", "claim"], NAMES)
    for name in ("d", "e"):
        assign(server, name)
    loop.turn()
    assert calls(server)[4:] == ["claim", "claim"]
    context.epoch = None  # a new session: the server may be a newer one
    server.takes_claims = True
    loop.turn()
    for name in ("f", "g"):
        assign(server, name)
    loop.turn()
    assert calls(server)[6:] == ["claims"]


def test_one_that_is_refused_holds_up_no_other(server: FakeServer, context: Context, loop: BeatLoop) -> None:
    server.closed.add("b")
    loop.turn()
    assert launched(context) == ["a", "c"]
    assert not folder(context, "b").path.exists()


@pytest.mark.parametrize(
    "odd",
    [
        {"status": 200, "code": "ok"},
        {"status": 200, "code": "ok", "grant": {}},
        {"status": 200, "code": "ok", "grant": {"sub_agent_id": "z"}},
        {"status": 404, "code": "unknown_sub_agent"},
        {"status": 400, "code": "bad_message", "detail": "d"},
        {"status": 409, "code": "gang_waiting", "detail": "d"},
        {"status": 409, "code": "claim_later"},
    ],
)
def test_one_that_is_answered_strangely_is_asked_for_later(
    odd: Any, server: FakeServer, context: Context, loop: BeatLoop
) -> None:
    with server.failing(answering(lambda replies: replies.__setitem__(1, odd))):
        loop.turn()
    assert launched(context) == ["a", "c"]
    assert folder(context, "b").local_state() == "assigned"
    loop._memory.rests_until.clear()
    loop.turn()
    assert launched(context) == ["a", "c", "b"]


def test_what_concerns_the_host_is_heeded_after_the_others_were_started(
    server: FakeServer, context: Context, loop: BeatLoop
) -> None:
    odd = {"status": 503, "code": "quarantined", "detail": "two speak for this host"}
    with server.failing(answering(lambda replies: replies.__setitem__(0, odd))):
        assert loop.turn() >= 0
    assert (loop._backoff.failures, launched(context)) == (1, ["b", "c"])
    loop.turn()
    assert launched(context) == ["b", "c", "a"]


@pytest.mark.parametrize("change", [lambda replies: replies.pop(), lambda replies: replies.__setitem__(0, 7)])
def test_an_answer_to_something_else_is_not_believed(
    change: Any, server: FakeServer, context: Context, loop: BeatLoop
) -> None:
    with server.failing(answering(change)):
        loop.turn()
    assert (calls(server), launched(context)) == (["claims", "claim", "claim", "claim"], NAMES)


def test_a_lost_answer_is_asked_for_again_under_the_same_nonces(
    server: FakeServer, context: Context, loop: BeatLoop
) -> None:
    with server.failing(for_path("/claims", faults.drop_reply)):
        loop.turn()
    assert launched(context) == []
    loop.turn()
    asked = [call.body["claims"] for call in server.calls if call.path.endswith("/claims")]
    assert asked == [asked[0]] * len(asked)
    assert launched(context) == NAMES


def test_a_note_that_cannot_be_made_holds_up_no_other(server: FakeServer, context: Context, loop: BeatLoop) -> None:
    (context.sub_agents / "b").touch()
    loop.turn()
    assert launched(context) == ["a", "c"]
    assert server.sub_agent("b").rejected is not None


def test_without_a_durable_parent_nothing_is_claimed(
    server: FakeServer, context: Context, loop: BeatLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(claim_batch, "sync_folder", fails)
    monkeypatch.setattr("agent_client.sub_agent_dir.sync_folder", fails)
    loop.turn()
    assert (calls(server), launched(context)) == ([], [])
    assert all(server.sub_agent(name).rejected is not None for name in NAMES)


def test_a_call_is_bounded(
    server: FakeServer, context: Context, loop: BeatLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_batch, "MOST", 2)
    loop.turn()
    assert (calls(server), launched(context)) == (["claims", "claims"], NAMES)
