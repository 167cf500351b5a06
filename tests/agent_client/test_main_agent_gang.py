"""The claim of a gang's member: it waits with its note on disk, asks again, and starts once the server grants it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_client.main_agent.beat_loop import BeatLoop
from agent_client.main_agent.context import Context
from tests.agent_client.beats import claims, closed_connections, folder, launched, turns
from tests.agent_client.fake_server import FakeServer, Handler, Reply
from tests.agent_client.main_agent_process import assign, for_path, make_context


@pytest.fixture(autouse=True)
def _closed_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with closed_connections(monkeypatch):
        yield


@pytest.fixture
def context(server: FakeServer, tmp_path: Path) -> Context:
    return make_context(server, tmp_path)


def others_are_missing(handler: Handler) -> bool:
    handler.answer(Reply(409, {"code": "gang_waiting", "detail": "Other hosts have not accepted yet."}))
    return True


def assign_member(server: FakeServer, rank: int) -> None:
    assign(server)
    server.assignments[0]["gang"] = {"rank": rank, "node_count": 2}
    place: dict[str, Any] = {"rank": rank, "node_count": 2, "nodes": [], "master_address": "h", "master_port": 4000}
    server.grants["s1"]["gang"] = place


def test_it_waits_without_a_script_and_asks_again(server: FakeServer, context: Context) -> None:
    assign_member(server, rank=1)
    loop = BeatLoop(context)
    with server.failing(for_path("/claim", others_are_missing)):
        turns(loop, 4)
        assert loop.turn() > 0.0  # no failure of the server: no back-off either
    assert (folder(context).local_state(), launched(context)) == ("assigned", [])
    nonce = noted_nonce(context)
    loop.turn()
    assert launched(context) == ["s1"]
    assert [body["nonce"] for body in claims(server)] == [nonce]


def noted_nonce(context: Context) -> str:
    assignment = folder(context).read_assignment()
    assert assignment is not None
    return assignment["nonce"]


def test_a_main_agent_that_restarts_at_the_barrier_says_the_same(server: FakeServer, context: Context) -> None:
    assign_member(server, rank=1)
    with server.failing(for_path("/claim", others_are_missing)):
        turns(BeatLoop(context), 2)
    nonce = noted_nonce(context)
    context.epoch = None
    turns(BeatLoop(context), 2)
    assert launched(context) == ["s1"]
    assert [body["nonce"] for body in claims(server)] == [nonce]


def test_it_forgets_what_became_void_meanwhile(server: FakeServer, context: Context) -> None:
    assign_member(server, rank=1)
    loop = BeatLoop(context)
    with server.failing(for_path("/claim", others_are_missing)):
        turns(loop, 2)
    server.closed.add("s1")
    turns(loop, 2)
    assert launched(context) == []
    assert not folder(context).path.exists()


@pytest.mark.parametrize(("rank", "has_port"), [(0, True), (1, False), (None, False)])
def test_only_a_leader_names_a_port(server: FakeServer, context: Context, rank: int | None, has_port: bool) -> None:
    if rank is None:
        assign(server)
    else:
        assign_member(server, rank)
    turns(BeatLoop(context), 2)
    (body,) = claims(server)
    assert (body["master_port"] is not None) is has_port
