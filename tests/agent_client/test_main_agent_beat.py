"""The beat loop turn by turn against a real HTTP server, without sub agents: claims, refusals, crashes, sessions."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_client.launcher import LaunchFailed
from agent_client.main_agent.beat_loop import BeatLoop
from agent_client.main_agent.context import Context
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client import faults
from tests.agent_client.beats import claimed_folder, claims, closed_connections, folder, launched, turns
from tests.agent_client.fake_server import FakeServer, Handler
from tests.agent_client.main_agent_process import assign, for_path, make_context


@pytest.fixture(autouse=True)
def _closed_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with closed_connections(monkeypatch):
        yield


@pytest.fixture
def context(server: FakeServer, tmp_path: Path) -> Context:
    return make_context(server, tmp_path)


def test_session_then_heartbeats_with_a_rising_number(server: FakeServer, context: Context) -> None:
    loop = BeatLoop(context)
    turns(loop, 3)
    (session,) = server.sessions
    assert set(session) == {
        "boot_id", "incarnation", "machine_id", "agent_version", "proto", "host",
        "inventory_complete", "sub_agents", "resources", "after_epoch", "incarnations", "forgotten_fence",
    }  # fmt: skip
    assert (session["inventory_complete"], session["sub_agents"]) == (True, [])
    assert [(beat["epoch"], beat["seq"], beat["accepts_work"]) for beat in server.heartbeats] == [
        (1, 1, True),
        (1, 2, True),
    ]
    assert server.heartbeats[0]["resources"]["cpu_cores"] == 4.0
    assert server.calls[0].authorization == "Agent agent-1:secret-agent-1"


def test_an_assignment_is_noted_claimed_kept_and_launched(server: FakeServer, context: Context) -> None:
    assignment = assign(server)
    turns(BeatLoop(context))
    (claim,) = claims(server)
    noted, grant = folder(context).read_assignment(), folder(context).read_grant()
    assert noted == {**assignment, "nonce": claim["nonce"]}
    assert claim == {"epoch": 1, "fence": 7, "nonce": claim["nonce"], "master_port": None, "fences": True}
    assert len(claim["nonce"]) == 32
    assert grant is not None
    assert (grant["server_url"], grant["sub_agent_token"]) == (server.url, "sub-agent-token")
    assert (folder(context).path / "grant.json").stat().st_mode & 0o777 == 0o600
    assert launched(context) == ["s1"]
    assert (context.sub_agents / "s1").stat().st_mode & 0o777 == 0o700


@pytest.mark.matrix(24)
def test_a_lost_claim_reply_is_asked_again_with_the_same_nonce(server: FakeServer, context: Context) -> None:
    loop = BeatLoop(context)
    loop.turn()
    assign(server)
    with server.failing(for_path("/claim", faults.drop_reply)):
        loop.turn()
    assert folder(context).local_state() == "assigned"
    assert server.assignments == []  # the server took it as claimed and will not repeat it
    turns(BeatLoop(context))  # as after a crash: nothing is remembered
    nonces = {claim["nonce"] for claim in claims(server)}
    assert len(claims(server)) >= 2
    assert len(nonces) == 1
    assert launched(context) == ["s1"]


def test_a_closed_claim_is_forgotten(server: FakeServer, context: Context) -> None:
    assign(server)
    server.closed.add("s1")
    turns(BeatLoop(context))
    assert not folder(context).path.exists()
    assert launched(context) == []


def test_a_strange_answer_rests_and_does_not_hold_up_the_others(server: FakeServer, context: Context) -> None:
    server.takes_claims = False
    assign(server, "s1")
    assign(server, "s2")
    refusals: list[Handler] = []

    def refuse(handler: Handler) -> bool:
        refusals.append(handler)
        return faults.coded(404, "unknown_sub_agent")(handler)

    with server.failing(for_path("/s1/claim", refuse)):
        turns(BeatLoop(context), 4)
    assert launched(context) == ["s2"]
    assert folder(context, "s1").local_state() == "assigned"
    assert len(refusals) == 1


def test_a_session_opened_elsewhere_leads_to_a_new_one(server: FakeServer, context: Context) -> None:
    loop = BeatLoop(context)
    turns(loop)
    server.epoch += 1
    loop.turn()
    assert context.epoch is None
    turns(loop)
    assert context.epoch == 3
    assert server.heartbeats[-1]["epoch"] == 3
    assert server.heartbeats[-1]["seq"] == 1


def test_after_a_start_the_latest_session_is_asked_for(server: FakeServer, context: Context) -> None:
    server.epoch = 5
    turns(BeatLoop(context))
    assert context.epoch == 6
    assert [session["after_epoch"] for session in server.sessions] == [5]


def test_an_inventory_is_given_when_it_is_wanted(server: FakeServer, context: Context) -> None:
    loop = BeatLoop(context)
    turns(loop)
    server.inventory_wanted = True
    assert loop.turn() == 0.0
    loop.turn()
    assert len(server.sessions) == 2
    assert server.sessions[0]["incarnation"] == server.sessions[1]["incarnation"]


def test_claimed_before_a_crash_and_never_launched_is_given_back(server: FakeServer, context: Context) -> None:
    claimed_folder(context)
    turns(BeatLoop(context))
    assert server.sessions[0]["sub_agents"][0]["local_state"] == "claimed"
    given_back = server.sub_agent("s1").not_started
    assert given_back is not None
    assert given_back["fence"] == 7
    assert "before it started" in given_back["detail"]
    assert not folder(context).path.exists()


def test_giving_back_is_repeated_and_nobody_can_start_it_meanwhile(server: FakeServer, context: Context) -> None:
    claimed_folder(context)
    loop = BeatLoop(context)
    with server.failing(for_path("/not-started", faults.drop_request)):
        turns(loop, 2)
    assert folder(context).is_alive()  # the main agent itself holds the lock
    assert not folder(context).has_started()
    loop.turn()
    assert server.sub_agent("s1").not_started is not None
    assert not folder(context).path.exists()


def test_a_sub_agent_that_lives_is_not_given_back(server: FakeServer, context: Context) -> None:
    descriptor = claimed_folder(context).acquire_lock()
    try:
        turns(BeatLoop(context), 3)
    finally:
        os.close(descriptor)
    assert server.sub_agent("s1").not_started is None
    assert folder(context).local_state() == "claimed"


def test_a_launch_that_keeps_failing_is_given_back_with_the_reason(server: FakeServer, context: Context) -> None:
    context.launcher.failures = [LaunchFailed("no processes left")] * 3  # type: ignore[attr-defined]
    assign(server)
    turns(BeatLoop(context), 5)
    given_back = server.sub_agent("s1").not_started
    assert given_back is not None
    assert "no processes left" in given_back["detail"]


def test_a_launch_that_fails_once_is_tried_again(server: FakeServer, context: Context) -> None:
    context.launcher.failures = [LaunchFailed("no processes left")]  # type: ignore[attr-defined]
    assign(server)
    turns(BeatLoop(context), 4)
    assert launched(context) == ["s1"]
    assert server.sub_agent("s1").not_started is None


def test_a_full_disk_takes_no_work(server: FakeServer, tmp_path: Path) -> None:
    context = make_context(server, tmp_path, min_free_disk_mib=10**12)
    assign(server)
    turns(BeatLoop(context))
    assert server.heartbeats[-1]["accepts_work"] is False
    rejected = server.sub_agent("s1").rejected
    assert rejected is not None
    assert (rejected["fence"], rejected["reason"]) == (7, "disk_full")
    assert not folder(context).path.exists()


def test_a_state_directory_that_cannot_be_written_rejects(server: FakeServer, context: Context) -> None:
    assign(server)
    (context.sub_agents / "s1").write_text("a file where the folder should be")
    turns(BeatLoop(context))
    rejected = server.sub_agent("s1").rejected
    assert rejected is not None
    assert rejected["reason"] == "state_dir"
    assert claims(server) == []


def test_a_grant_that_cannot_be_kept_is_given_back(server: FakeServer, context: Context) -> None:
    assign(server)
    made = SubAgentDir.create(context.sub_agents, "s1")
    (made.path / "grant.json").mkdir()  # a rename onto it fails
    turns(BeatLoop(context))
    assert launched(context) == []
    given_back = server.sub_agent("s1").not_started
    assert given_back is not None
    assert "cannot be written" in given_back["detail"]
    assert not made.path.exists()


@pytest.mark.matrix(41)
def test_a_damaged_folder_is_told_and_left_alone(server: FakeServer, context: Context) -> None:
    made = claimed_folder(context)
    (made.path / "assignment.json").write_text("{")
    before = {child.name: child.read_bytes() for child in made.path.iterdir()}
    turns(BeatLoop(context), 3)
    assert server.sessions[0]["inventory_complete"] is False
    assert server.sessions[0]["sub_agents"] == []
    assert {child.name: child.read_bytes() for child in made.path.iterdir()} == before


def test_stop_and_forget_directives(server: FakeServer, context: Context) -> None:
    made = claimed_folder(context)
    values: Any = {}
    made.write_started(values)
    finished = claimed_folder(context, "s2")
    finished.write_exit(values)
    descriptor = made.acquire_lock()
    server.directives = [
        {"kind": "stop", "sub_agent_id": "s1", "fence": 7, "reason": "cancel", "grace_seconds": 3, "kill_now": True},
        {"kind": "forget", "sub_agent_id": "s2", "fence": 7},
    ]
    try:
        turns(BeatLoop(context))
    finally:
        os.close(descriptor)
    assert made.read_stop() == {"reason": "cancel", "grace_seconds": 3, "kill_now": True}
    assert not finished.path.exists()


def test_a_delivered_folder_goes_when_its_sub_agent_has_ended(server: FakeServer, context: Context) -> None:
    made = claimed_folder(context)
    values: Any = {}
    made.write_exit(values)
    made.write_delivered(values)
    descriptor = made.acquire_lock()
    loop = BeatLoop(context)
    turns(loop)
    assert made.path.exists()
    os.close(descriptor)
    loop.turn()
    assert not made.path.exists()


def test_an_unauthorized_agent_keeps_its_folders_and_waits(server: FakeServer, context: Context) -> None:
    made = claimed_folder(context)
    loop = BeatLoop(context)
    with server.failing(faults.unauthorized):
        assert loop.turn() >= 30.0
    assert made.path.exists()
    turns(loop)
    assert len(server.sessions) == 1


def test_an_agent_that_is_too_old_waits(server: FakeServer, context: Context) -> None:
    loop = BeatLoop(context)
    with server.failing(faults.coded(426, "version_too_old")):
        assert loop.turn() >= 30.0


class Counted:
    """The context's probe, and how often it was read."""

    def __init__(self, context: Context) -> None:
        self.times = 0
        self._probe = context.probe

    def read_with_users(self) -> Any:
        self.times += 1
        return self._probe.read_with_users()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._probe, name)


def test_a_beat_that_was_rung_for_reads_no_figures_that_are_fresh(
    server: FakeServer, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    context.probe = probe = Counted(context)  # type: ignore[assignment]
    loop = BeatLoop(context)
    turns(loop)
    assert probe.times == 1
    context.beat_wanted.set()
    loop.rest(0)
    loop.turn()
    assert probe.times == 1
    assert server.heartbeats[-1]["resources"] == server.heartbeats[-2]["resources"]
    loop.rest(0)  # nobody rang
    loop.turn()
    assert probe.times == 2
    monkeypatch.setattr("agent_client.main_agent.beat_loop.FRESH_SECONDS", 0.0)
    context.beat_wanted.set()
    loop.rest(0)
    loop.turn()
    assert probe.times == 3


def test_the_bell_may_ring_again_while_a_beat_is_acted_on(
    server: FakeServer, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    assign(server)
    was_set: list[bool] = []
    loop = BeatLoop(context)
    loop.turn()
    context.beat_done.clear()
    monkeypatch.setattr(loop._performer, "perform", lambda action: was_set.append(context.beat_done.is_set()))
    loop.turn()
    assert was_set == [True]


def test_what_is_new_goes_before_what_is_over(
    server: FakeServer, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = BeatLoop(context)
    loop.turn()
    made = claimed_folder(context, "old")
    for write in (made.write_started, made.write_exit, made.write_delivered):
        write({})  # type: ignore[operator]
    assign(server, "new")
    seen: list[bool] = []
    monkeypatch.setattr(context.launcher, "launch", lambda path: seen.append(made.path.exists()))
    loop.turn()
    assert (seen, made.path.exists()) == ([True], False)
