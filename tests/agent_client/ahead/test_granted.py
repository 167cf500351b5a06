"""What was granted ahead, turn by turn: noted, started, given back, asked for again, and never started twice."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_client.http import NetworkFailure
from agent_client.main_agent import granted
from agent_client.main_agent.beat_loop import BeatLoop
from agent_client.main_agent.context import Context
from agent_client.sub_agent.carrier import Carrier
from agent_client.sub_agent.lease import Lease
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client import faults
from tests.agent_client.ahead.conftest import NAME
from tests.agent_client.beats import claims, folder, launched, turns
from tests.agent_client.fake_server import FakeServer, Handler
from tests.agent_client.main_agent_process import assign, for_path, grant_of, place
from tests.agent_client.relays import FINISH, report, running_relay
from tests.waiting import wait_until

GRANT = grant_of()
NOTES = [("a", True), ("b", True)]


def test_nothing_is_claimed_ahead_before_the_first_beat_of_a_session(server: FakeServer, context: Context) -> None:
    loop = BeatLoop(context)
    turns(loop, 4)
    context.epoch = None
    turns(loop, 3)
    said = [beat["claims_ahead"] and beat["claims_ahead"]["epoch"] for beat in server.heartbeats]
    assert said == [None, 1, 1, None, 2]
    assert [session["incarnations"] for session in server.sessions] == [[NAME], [NAME]]


def test_what_a_beat_was_granted_is_noted_kept_and_launched_without_a_claim(
    server: FakeServer, context: Context, loop: BeatLoop
) -> None:
    grant = place(server)
    loop.turn()
    noted, kept = folder(context).read_assignment(), folder(context).read_grant()
    assert noted is not None
    assert kept is not None
    assert noted["nonce"] in server.ahead.by_nonce
    assert noted["nonce"].startswith(f"{NAME}-")
    assert {**noted, "nonce": ""} == {**{name: grant.get(name) for name in granted._OF_ASSIGNMENT}, "nonce": ""}
    assert (kept["script_content"], kept["server_url"]) == (grant["script_content"], server.url)
    assert (launched(context), claims(server)) == (["s1"], [])
    assert not context.beat_wanted.is_set()  # no beat follows for what is started already
    loop.turn()
    assert launched(context) == ["s1"]


def test_several_are_noted_before_any_is_handed_over_and_durable_soon_after(
    server: FakeServer, context: Context, loop: BeatLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        place(server, name)
    synced: list[Path] = []
    launch = context.launcher.launch
    monkeypatch.setattr("os.fsync", lambda number: synced.append(Path(f"/proc/self/fd/{number}").readlink()))

    def checked(path: Path) -> None:
        """A power cut leaves whole notes or none; nothing is executed before their names are durable, too."""
        assert [(path.parent.name, path.name.startswith(".assignment.json")) for path in synced] == NOTES
        launch(path)

    monkeypatch.setattr(context.launcher, "launch", checked)
    loop.turn()
    assert launched(context) == ["a", "b"]
    grants = [context.sub_agents / name / "grant.json" for name in ("a", "b")]
    assert synced[len(NOTES) :] == [context.sub_agents, *grants]


def test_what_comes_with_a_report_is_started_without_a_beat(
    server: FakeServer, context: Context, loop: BeatLoop, carriers: Callable[[str], Carrier]
) -> None:
    place(server)
    beats = len(server.heartbeats)
    with running_relay(context):
        resting = threading.Thread(target=loop.rest, args=(60.0,))
        resting.start()
        report(carriers("before"), finish=FINISH)
        wait_until(lambda: launched(context) == ["s1"], what="the launch")
        assert resting.is_alive()
        context.beat_done.clear()
        context.beat_wanted.set()
        resting.join(20)
    assert len(server.heartbeats) == beats
    assert claims(server) == []


def test_who_rings_while_something_is_granted_gets_a_beat(context: Context, loop: BeatLoop) -> None:
    asked = context.ahead.ask()
    assert asked is not None
    context.beat_done.clear()
    context.ahead.answered(asked, {"granted": [{"nonce": asked["nonces"][0], "grant": {**GRANT}}]}, 0.0)
    resting = threading.Thread(target=loop.rest, args=(60.0,), daemon=True)
    resting.start()
    resting.join(20)
    assert (resting.is_alive(), launched(context)) == (False, ["s1"])


def test_a_lost_answer_is_asked_for_again(server: FakeServer, context: Context, loop: BeatLoop) -> None:
    place(server)
    with server.failing(for_path("/heartbeat", faults.drop_reply)):
        loop.turn()
    assert launched(context) == []
    turns(loop)
    assert (launched(context), len(server.sessions)) == (["s1"], 1)


def test_a_call_that_was_sent_twice_over_a_broken_connection_loses_nothing(
    server: FakeServer, context: Context, loop: BeatLoop
) -> None:
    place(server)
    server.fail_next(faults.drop_reply)
    loop.turn()
    assert loop._http.was_doubled
    assert server.ahead.by_nonce
    loop.turn()
    assert launched(context) == ["s1"]


def test_a_session_takes_back_what_is_not_known_to_have_arrived(
    server: FakeServer, context: Context, loop: BeatLoop
) -> None:
    place(server)
    with server.failing(for_path("/heartbeat", faults.drop_reply)):
        loop.turn()
    context.epoch = None
    turns(loop, 4)
    assert (server.never_arrived, launched(context)) == (["s1"], [])


def test_the_inventory_waits_for_calls_that_are_under_way(server: FakeServer, context: Context, loop: BeatLoop) -> None:
    asked = context.ahead.ask()
    assert asked is not None
    context.epoch = None
    opening = threading.Thread(target=loop.turn)
    opening.start()
    opening.join(0.05)
    assert len(server.sessions) == 1
    context.ahead.answered(asked, {"granted": [{"nonce": asked["nonces"][0], "grant": {**GRANT}}]}, 0.0)
    opening.join(20)
    assert [row["sub_agent_id"] for row in server.sessions[-1]["sub_agents"]] == ["s1"]
    assert launched(context) == ["s1"]


def test_what_lies_here_already_is_not_started_again(server: FakeServer, context: Context, loop: BeatLoop) -> None:
    place(server)
    loop.turn()
    (nonce,) = server.ahead.by_nonce
    asked = context.ahead.ask()
    assert asked is not None
    context.ahead.answered(asked, {"granted": [{"nonce": asked["nonces"][0], "grant": {**GRANT}}]}, 0.0)
    loop.turn()
    noted = folder(context).read_assignment()
    assert noted is not None
    assert (noted["nonce"], launched(context)) == (nonce, ["s1"])


def test_a_note_of_a_claim_that_was_refused_gives_way(server: FakeServer, context: Context, loop: BeatLoop) -> None:
    """Offered by a beat and granted ahead at the same moment; the claim's own answer was lost."""
    assign(server)
    with server.failing(for_path("/claim", faults.drop_request)):
        loop.turn()
    first = folder(context).read_assignment()
    server.closed.add("s1")
    place(server)
    loop.turn()
    noted = folder(context).read_assignment()
    assert first is not None
    assert noted is not None
    assert noted["nonce"] in server.ahead.by_nonce
    assert noted["nonce"] != first["nonce"]
    assert launched(context) == ["s1"]


def test_an_answer_that_still_offers_what_was_granted_is_no_news(
    server: FakeServer, context: Context, loop: BeatLoop
) -> None:
    """It was written before the other call was granted; by now the script may run."""
    place(server)
    assign(server)

    def runs(path: Path) -> None:
        SubAgentDir(path).write_started({"pid": 1, "pid_start_ticks": 1, "boot_id": "b", "cookie": ""})  # type: ignore[typeddict-item]

    context.launcher.launch = runs  # type: ignore[method-assign]
    loop.turn()
    assert claims(server) == []


@pytest.mark.parametrize("is_told", [True, False])
def test_what_cannot_be_noted_is_given_back(
    server: FakeServer, context: Context, loop: BeatLoop, monkeypatch: pytest.MonkeyPatch, is_told: bool
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    place(server)
    with monkeypatch.context() as patched, server.failing(for_path("/not-started", _nothing if is_told else _busy)):
        patched.setattr(SubAgentDir, "write_assignment", full)
        loop.turn()
    assert launched(context) == []
    assert (server.sub_agent("s1").not_started is not None) is is_told
    context.epoch = None
    turns(loop, 3)
    assert launched(context) == []
    assert server.never_arrived == ["s1"]  # said or not: no inventory lists it


def test_notes_that_are_not_durable_are_given_back(
    server: FakeServer, context: Context, loop: BeatLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def broken(number: int) -> None:
        if "assignment" in str(Path(f"/proc/self/fd/{number}").readlink()):
            raise OSError(5, "Input/output error")
        sync(number)

    for name in ("a", "b"):
        place(server, name)
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", broken)
        loop.turn()
    assert launched(context) == []
    assert all(server.sub_agent(name).not_started for name in ("a", "b"))
    assert list(context.sub_agents.iterdir()) == []


def test_a_strange_grant_ends_no_loop_and_holds_up_no_other(
    server: FakeServer, context: Context, loop: BeatLoop
) -> None:
    place(server, "a", renewal={"stop_after_seconds": "soon"})
    place(server, "../b")
    place(server, "c")
    loop.turn()
    assert launched(context) == ["c"]
    assert not (context.sub_agents.parent / "b").exists()


def test_a_damaged_folder_is_left_alone(server: FakeServer, context: Context, loop: BeatLoop) -> None:
    made = SubAgentDir.create(context.sub_agents, "s1")
    (made.path / "assignment.json").write_text("{")
    place(server)
    loop.turn()
    assert ((made.path / "assignment.json").read_text(), launched(context)) == ("{", [])


def test_a_lease_counts_from_the_sending_of_the_call(
    server: FakeServer, context: Context, loop: BeatLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("agent_client.main_agent.beat_loop.boottime", lambda: now[0])
    place(server, renewal={"stop_after_seconds": 30.0, "kill_within_seconds": 10.0})

    def late(_: Handler) -> bool:
        now[0] += 100.0
        return False

    with server.failing(for_path("/heartbeat", late)):
        loop.turn()
    assert Lease(folder(context).path)._stop_at == 1030.0


def test_what_is_not_launched_is_tried_again(server: FakeServer, context: Context, loop: BeatLoop) -> None:
    context.launcher.failures.append(OSError("fork"))  # type: ignore[attr-defined]
    place(server)
    turns(loop, 2)
    assert launched(context) == ["s1"]


def test_an_older_server_is_asked_in_vain(server: FakeServer, context: Context, loop: BeatLoop) -> None:
    assign(server)

    def older(handler: Handler) -> bool:
        reply = handler.dispatch()
        del reply.body["granted"]
        handler.answer(reply)
        return True

    with server.failing(for_path("/heartbeat", older)):
        turns(loop, 2)
    assert launched(context) == ["s1"]


def test_sub_agents_hear_nothing_of_what_the_host_was_granted(
    server: FakeServer, context: Context, loop: BeatLoop, carriers: Callable[[str], Carrier]
) -> None:
    """It is larger than what the kernel holds for them, and holds the tokens of others."""
    place(server, script="#" * (1 << 20))
    with running_relay(context):
        reply: Any = report(carriers("before"), finish=FINISH)
    assert [one["sub_agent_id"] for one in reply["replies"]] == ["before"]
    assert "sub-agent-token" not in json.dumps(reply)
    assert [call.authorization for call in server.calls if call.path.endswith("/report")] == [
        "Agent agent-1:secret-agent-1"
    ]
    loop.turn()
    assert launched(context) == ["s1"]


def test_a_report_that_failed_is_not_forgotten_by_the_next_beat(
    server: FakeServer, context: Context, loop: BeatLoop, carriers: Callable[[str], Carrier]
) -> None:
    place(server)
    fault = for_path("/report", faults.drop_reply)
    with running_relay(context), server.failing(fault), pytest.raises(NetworkFailure):
        report(carriers("before"), finish=FINISH)
    loop.turn()
    assert launched(context) == ["s1"]


def _nothing(_: Handler) -> bool:
    return False


def _busy(handler: Handler) -> bool:
    return faults.overloaded(handler)
