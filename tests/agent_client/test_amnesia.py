"""What is retained of results, and when it is told again: in turns against a real HTTP server."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_client import retained
from agent_client.journal import LocalRecord
from agent_client.main_agent.amnesia import Amnesia, in_parts
from agent_client.main_agent.beat_loop import BeatLoop
from agent_client.main_agent.context import Context
from agent_client.main_agent.forget import forget
from agent_client.reconcile import ClaimAgain, Memory, reconcile
from agent_client.sub_agent.finish import never_ran
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.beats import claims, closed_connections, launched, turns
from tests.agent_client.fake_server import FakeServer, Handler, Reply
from tests.agent_client.main_agent_process import assign, grant_of, make_context


@pytest.fixture(autouse=True)
def _closed_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with closed_connections(monkeypatch):
        yield


@pytest.fixture
def context(server: FakeServer, tmp_path: Path) -> Context:
    return make_context(server, tmp_path)


def delivered(context: Context, sub_agent_id: str = "s1", commit_seq: int | None = None) -> SubAgentDir:
    """A folder whose result and output are with the server."""
    folder = SubAgentDir.create(context.sub_agents, sub_agent_id)
    values: Any = grant_of(sub_agent_id)
    folder.write_assignment({**values, "nonce": "nonce-of-then"})
    folder.write_grant({**values, "server_url": context.identity.server_url})
    folder.write_exit(never_ran("sub_lost", "it died", {"out": 5}, "now"))
    folder.write_delivered({"result_code": "ok", "streams": {}, "commit_seq": commit_seq})
    return folder


def test_a_folder_that_goes_leaves_its_result(context: Context) -> None:
    forget(delivered(context).path)
    assert not (context.sub_agents / "s1").exists()
    (row,) = retained.load(context.retained)
    assert (row["sub_agent_id"], row["fence"], row["nonce"]) == ("s1", 7, "nonce-of-then")
    assert row["finish"]["reason"] == "sub_lost"
    assert (context.retained / "s1.json").stat().st_mode & 0o777 == 0o600


def test_a_full_disk_costs_only_that(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(retained, "write_json", full)
    forget(delivered(context).path)
    assert not (context.sub_agents / "s1").exists()
    assert list(retained.load(context.retained)) == []


def test_they_go_after_a_day_and_when_there_are_too_many(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        forget(delivered(context, f"s{number}").path)
        os.utime(context.retained / f"s{number}.json", (number + 10**9, number + 10**9))
    os.utime(context.retained / "s3.json")
    os.utime(context.retained / "s2.json")
    assert retained.drop_old(context.retained) == 2
    assert {row["sub_agent_id"] for row in retained.load(context.retained)} == {"s2", "s3"}
    monkeypatch.setattr(retained, "MOST", 1)
    assert retained.drop_old(context.retained) == 1
    assert len(list(retained.load(context.retained))) == 1
    assert retained.drop_old(context.retained) == 0


def test_what_is_dropped_leaves_how_far_its_fences_went(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    assert retained.forgotten_fence(context.retained) == 0
    monkeypatch.setattr(retained, "MOST", 0)
    for fence in (12, 7):
        folder = delivered(context)
        folder.write_grant({**folder.read_grant(), "fence": fence})  # type: ignore[typeddict-item]
        forget(folder.path)
        assert retained.drop_old(context.retained) == 1
        assert retained.forgotten_fence(context.retained) == 12
    (context.retained / "forgotten").write_text("?")
    assert retained.forgotten_fence(context.retained) == 2**62
    assert list(retained.load(context.retained)) == []


def test_so_many_go_at_once_and_the_others_soon(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    housekeeping = retained.Housekeeping(context.retained, lambda: now)
    monkeypatch.setattr(retained, "DROPPED_AT_ONCE", 2)
    for number in range(3):
        forget(delivered(context, f"s{number}").path)
        os.utime(context.retained / f"s{number}.json", (number, number))

    def left() -> set[str]:
        housekeeping.look()
        return {row["sub_agent_id"] for row in retained.load(context.retained)}

    assert left() == {"s2"}
    assert left() == {"s2"}
    now += retained.LOOK_AGAIN_SECONDS
    assert left() == set()


def test_they_go_while_the_main_agent_runs(server: FakeServer, context: Context) -> None:
    loop = BeatLoop(context)
    forget(delivered(context).path)
    os.utime(context.retained / "s1.json", (1, 1))
    turns(loop, 2)
    assert list(retained.load(context.retained)) == []
    context.epoch = None
    loop.turn()
    assert [session["forgotten_fence"] for session in server.sessions] == [0, 7]


def test_a_damaged_one_is_passed_over(context: Context) -> None:
    forget(delivered(context).path)
    (context.retained / "s1.json").write_text("{")
    assert list(retained.load(context.retained)) == []
    assert retained.find(context.retained, "s1") is None


def test_one_of_another_kind_ends_nothing(server: FakeServer, context: Context) -> None:
    """Raised in the beat loop, it would end the main agent at each start."""
    forget(delivered(context).path)
    path = context.retained / "s1.json"
    for content in ('{"sub_agent_id": "s1"}', '{"sub_agent_id": "s1", "fence": 7, "token": "t", "finish": {}}', "{}"):
        path.write_text(content)
        context.epoch = None
        turns(BeatLoop(context), 2)
    assert len(server.sessions) == 3


def test_a_disk_that_can_only_be_read_ends_nothing(
    server: FakeServer, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    forget(delivered(context).path)
    os.utime(context.retained / "s1.json", (1, 1))
    context.cleared["gone"] = 7
    loop = BeatLoop(context)
    monkeypatch.setattr(Path, "unlink", read_only)
    turns(loop, 2)
    assert server.heartbeats[-1]["cleared"] == [{"sub_agent_id": "gone", "fence": 7}]


def refused(call: str, code: str) -> Any:
    def answer(handler: Handler) -> bool:
        if not handler.path.endswith(call):
            return False
        handler.answer(Reply(409, {"code": code, "detail": "not now"}))
        return True

    return answer


@pytest.mark.parametrize("code", ["gang_waiting", "sub_agent_closed", "bad_message"])
def test_a_refused_claim_of_then_keeps_nothing_else_waiting(server: FakeServer, context: Context, code: str) -> None:
    loop = BeatLoop(context)
    turns(loop, 2)
    forget(delivered(context).path)
    assign(server)
    server.directives = [{"kind": "no such kind", "sub_agent_id": "s9", "fence": 1}]
    acted: list[Any] = []
    loop._performer.perform = acted.append  # type: ignore[method-assign]
    with server.failing(refused("/claim", code)):
        loop.turn()
    assert [action.sub_agent_id for action in acted] == ["s9"]


@pytest.mark.parametrize("code", ["bad_message", "too_large"])
def test_a_result_that_no_server_reads_does_not_keep_the_host_away(
    server: FakeServer, context: Context, code: str
) -> None:
    forget(delivered(context).path)
    server.directives = [{"kind": "send_result", "sub_agent_id": "s1", "fence": 7}]
    with server.failing(refused("/report", code)):
        turns(BeatLoop(context), 2)
    assert (len(server.sessions), len(server.heartbeats)) == (1, 1)


def test_large_results_are_told_one_by_one() -> None:
    entries: Any = [{"id": number, "result": "x" * size} for number, size in enumerate([10, 700_000, 700_000, 10, 10])]
    assert [[entry["id"] for entry in part] for part in in_parts(entries)] == [[0, 1], [2, 3, 4]]
    assert [len(part) for part in in_parts(entries[:1] * 120)] == [50, 50, 20]


def test_a_number_that_falls_means_that_something_was_forgotten(server: FakeServer, context: Context) -> None:
    amnesia = Amnesia(context, context.identity.http())
    assert [amnesia.heed({"commit_seq": number}) for number in (5, 5, 9, 8, 8, 9)] == [False] * 3 + [True] + [False] * 2
    assert not amnesia.heed({})  # a server of before


@pytest.mark.matrix(39)
def test_another_generation_means_it_too_however_far_the_number_has_risen(context: Context) -> None:
    amnesia = Amnesia(context, context.identity.http())
    said = [(5, "a"), (9, "a"), (40, "b"), (41, "b"), (42, None), (43, "b")]
    replies = [{"commit_seq": number, "generation": word} for number, word in said]
    assert [amnesia.heed(reply) for reply in replies] == [False, False, True, False, False, False]


def test_the_number_of_the_last_acknowledgement_is_known_after_a_restart(server: FakeServer, context: Context) -> None:
    forget(delivered(context, commit_seq=40).path)
    assert Amnesia(context, context.identity.http()).heed({"commit_seq": 39})


@pytest.mark.matrix(39)
def test_what_the_server_forgot_is_told_again(server: FakeServer, context: Context) -> None:
    loop = BeatLoop(context)
    server.commit_seq = 100
    turns(loop, 2)
    forget(delivered(context).path)
    server.commit_seq = 60  # an older copy took the database's place
    server.directives = [{"kind": "send_result", "sub_agent_id": "s1", "fence": 7}]
    turns(loop, 3)
    assert len(server.sessions) == 2
    (row,) = server.sessions[-1]["sub_agents"]
    assert (row["sub_agent_id"], row["local_state"], row["is_retained"]) == ("s1", "finished", True)
    finish = server.sub_agent("s1").finish
    assert finish is not None
    assert finish["reason"] == "sub_lost"


@pytest.mark.matrix(39)
def test_the_first_session_with_an_older_copy_lists_what_is_retained(server: FakeServer, context: Context) -> None:
    """It knows an earlier session of this host, so `stale_epoch` is the first that is heard of it. What the next
    session does not list counts as gone, and is tried again."""
    loop = BeatLoop(context)
    server.commit_seq = 100
    turns(loop, 2)
    forget(delivered(context).path)
    server.commit_seq, server.epoch = 60, 40
    server.directives = [{"kind": "send_result", "sub_agent_id": "s1", "fence": 7}]
    turns(loop, 4)
    assert [len(session["sub_agents"]) for session in server.sessions] == [0, 1]
    assert server.sub_agent("s1").finish is not None


def test_what_may_be_another_main_agents_is_not_dropped(
    server: FakeServer, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(delivered(context).path)
    os.utime(context.retained / "s1.json", (1, 1))
    monkeypatch.setattr(Context, "hands_off", True)
    turns(BeatLoop(context), 2)
    assert len(list(retained.load(context.retained))) == 1


@pytest.mark.matrix(39)
def test_each_session_lists_what_is_retained(server: FakeServer, context: Context) -> None:
    """An older copy may have come a moment ago, and this session is the first that meets it."""
    loop = BeatLoop(context)
    turns(loop, 2)
    forget(delivered(context).path)
    context.epoch = None
    loop.turn()
    assert [len(session["sub_agents"]) for session in server.sessions] == [0, 1]


@pytest.mark.matrix(39)
def test_what_was_executed_before_is_claimed_again_and_not_executed(server: FakeServer, context: Context) -> None:
    loop = BeatLoop(context)
    turns(loop, 2)
    forget(delivered(context).path)
    assign(server)
    turns(loop, 2)
    assert [claim["nonce"] for claim in claims(server)] == ["nonce-of-then"]
    assert server.sub_agent("s1").finish is not None
    assert launched(context) == []


@pytest.mark.parametrize(
    ("local_state", "fence", "is_again"),
    [("running", 7, True), ("finished", 7, True), ("running", 8, False), ("claimed", 7, False), ("assigned", 7, False)],
)
def test_an_assignment_of_what_was_started_here_is_claimed_again(local_state: Any, fence: int, is_again: bool) -> None:
    record = LocalRecord("s1", 7, 3, local_state, is_alive=True)
    assignment: Any = {"sub_agent_id": "s1", "fence": fence, "task_id": 3}
    actions = reconcile([record], [assignment], [], Memory())
    assert (ClaimAgain("s1") in actions) is is_again
