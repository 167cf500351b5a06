"""The relay: what waits goes in one request, a result waits for no bulk, and one entry spoils no other."""

import socket
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from agent_client import relay
from agent_client.http import NetworkFailure
from agent_client.main_agent import relay_lane, relay_loop
from agent_client.main_agent.context import Context
from agent_client.main_agent.relay_lane import Grid
from agent_client.main_agent.relay_loop import RelayLoop
from agent_client.sub_agent import carrier as carrier_module
from agent_client.sub_agent.carrier import Carrier
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.main_agent_process import make_context
from tests.agent_client.relays import (
    FINISH,
    MAIN_AGENT,
    Gate,
    carrier,
    credentials,
    ids_by_request,
    report,
    running_relay,
)
from tests.waiting import wait_until


@pytest.fixture
def context(server: FakeServer, tmp_path: Path) -> Context:
    return make_context(server, tmp_path)


def test_an_entry_goes_under_the_hosts_name_and_its_answer_comes_back(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier]
) -> None:
    server.sub_agent("a").stop = {"reason": "cancel", "grace_seconds": 1, "kill_now": False}
    with running_relay(context):
        reply = report(carriers("a"), started={"pid": 7, "pid_start_ticks": 1, "boot_id": "b"})
    assert credentials(server) == [MAIN_AGENT]
    assert (reply["replies"][0]["sub_agent_id"], reply["replies"][0]["stop"]["reason"]) == ("a", "cancel")
    assert (reply["next_in_seconds"], server.sub_agent("a").state) == (1.0, "running")
    assert 0.5 <= reply["beat_in_seconds"] <= 1.5


def test_what_waits_while_a_request_is_under_way_goes_in_the_next(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier]
) -> None:
    names = [f"sub-{number}" for number in range(8)]
    gate = Gate()
    with running_relay(context) as loop, server.failing(gate), ThreadPoolExecutor(9) as pool:
        first = pool.submit(report, carriers("first"))
        assert gate.is_asked.wait(20)
        others = [pool.submit(report, carriers(name)) for name in names]
        wait_until(lambda: len(loop.plain._waiting) == 8)
        gate.opens.set()
        assert [one.result()["replies"][0]["sub_agent_id"] for one in others] == names
        first.result()
    requests = ids_by_request(server)
    assert [len(ids) for ids in requests] == [1, 8]
    assert sorted(requests[1]) == names


def test_a_result_does_not_wait_for_the_bulk_of_others(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier]
) -> None:
    gate = Gate()
    with running_relay(context), server.failing(gate), ThreadPoolExecutor(1) as pool:
        bulk = pool.submit(report, carriers("bulk"))
        assert gate.is_asked.wait(20)
        report(carriers("ended"), finish=FINISH)
        assert server.sub_agent("ended").finish == FINISH
        assert not bulk.done()
        gate.opens.set()
        bulk.result()


def test_a_report_that_waits_is_given_up_for_the_result(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier]
) -> None:
    gate = Gate()
    one = carriers("a")
    with running_relay(context), server.failing(gate), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(report, one)
        assert gate.is_asked.wait(20)
        one.hurry()
        with pytest.raises(NetworkFailure, match="the result goes first"):
            waiting.result(20)
        report(one, finish=FINISH)
        assert server.sub_agent("a").finish == FINISH
        gate.opens.set()
        report(one)
    assert set(credentials(server)) == {MAIN_AGENT}


def test_only_one_report_is_given_up_and_none_with_a_result(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier]
) -> None:
    one = carriers("a")
    with running_relay(context):
        one.hurry()  # between two reports
        with pytest.raises(NetworkFailure, match="the result goes first"):
            report(one)
        report(one)
        one.hurry()
        report(one, finish=FINISH)
        report(one)
    assert len(server.calls) == 3


def test_a_request_is_bounded_in_entries_and_bytes(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_lane, "MOST_ENTRIES", 3)
    monkeypatch.setattr(relay_lane, "MOST_BYTES", 1000)
    gate = Gate()
    large = [{"stream": "out", "offset": 0, "data": "", "crc32": 0, "padding": "x" * 2000}]
    with running_relay(context) as loop, server.failing(gate), ThreadPoolExecutor(9) as pool:
        waiting = [pool.submit(report, carriers("first"))]
        assert gate.is_asked.wait(20)
        for number in range(4):
            waiting.append(pool.submit(report, carriers(f"small-{number}")))
            wait_until(lambda: len(loop.plain._waiting) == len(waiting) - 1)
        waiting.append(pool.submit(report, carriers("large"), output=large))
        wait_until(lambda: len(loop.plain._waiting) == 5)
        gate.opens.set()
        for one in waiting:
            one.result()
    assert [len(ids) for ids in ids_by_request(server)] == [1, 3, 1, 1]


def test_a_bad_entry_spoils_no_other(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier], tmp_path: Path
) -> None:
    with running_relay(context):
        for bad in (b'{"x":1}],"entries":[{', b"{", b"[]", b'{"x":NaN}', b"\xff"):
            with relay.connected(tmp_path, 5) as connection:
                connection.sendall(relay.request(bad, "fake-instance", is_urgent=True))
                assert b"refused" in connection.makefile("rb").read()
        report(carriers("good"))
    assert ids_by_request(server) == [["good"]]


@pytest.mark.parametrize(
    "nonsense",
    [b"\n", b"[]\n", b"x" * 2000, b'{"size": -1}\n', b'{"size": true}\n', b'{"size": 1}\nxx', b'{"size": 9e9}\n'],
)
def test_nonsense_at_the_socket_is_hung_up_on(
    nonsense: bytes, server: FakeServer, context: Context, carriers: Callable[[str], Carrier], tmp_path: Path
) -> None:
    with running_relay(context):
        with relay.connected(tmp_path, 5) as connection:
            connection.sendall(nonsense)
            with suppress(ConnectionResetError):  # it had not read all of it
                assert connection.recv(100) == b""
        report(carriers("good"))
    assert credentials(server) == [MAIN_AGENT]


def test_who_does_not_say_what_it_wants_is_sent_away(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_loop, "READING_SECONDS", 0.0)
    monkeypatch.setattr(relay, "SIGN_SECONDS", 0.0)
    with running_relay(context), relay.connected(tmp_path, 5) as connection:
        assert connection.recv(1) == b""


def test_who_has_gone_is_not_spoken_for(server: FakeServer, context: Context, tmp_path: Path) -> None:
    loop = RelayLoop(context)
    assert loop.listen()
    with relay.connected(tmp_path, 5) as connection:
        connection.sendall(relay.request(b"{}", "fake-instance", is_urgent=True))
        wait_until(lambda: loop.turn(0.01) or loop.urgent._waiting)
    loop.urgent.turn(5)
    loop.close()
    assert credentials(server) == []


def test_those_who_wait_hear_signs_of_life(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow server is no reason to go on without the relay: it would be asked by each sub agent then."""
    monkeypatch.setattr(relay, "SIGN_SECONDS", 0.01)
    monkeypatch.setattr(carrier_module, "PATIENCE_SECONDS", 1.0)
    gate = Gate()
    heard: list[bytes] = []
    with running_relay(context) as loop, server.failing(gate), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(report, carriers("a"))
        assert gate.is_asked.wait(20)
        (waiter,) = loop._waiters
        monkeypatch.setattr(waiter, "_send", lambda data, send=waiter._send: (heard.append(data), send(data)))
        wait_until(lambda: len(heard) > 3)
        gate.opens.set()
        waiting.result()
    assert credentials(server) == [MAIN_AGENT]


def test_the_secret_may_change_between_two_requests(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier]
) -> None:
    with running_relay(context):
        report(carriers("a"))
        context.identity = context.identity.with_secret("new")
        report(carriers("a"))
    assert credentials(server) == [MAIN_AGENT, "Agent agent-1:new"]


def test_the_socket_is_private_and_replaces_what_a_dead_main_agent_left(context: Context, tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    with relay.address(tmp_path) as path:
        left.bind(path)
    left.close()
    with running_relay(context):
        assert stat.S_IMODE((tmp_path / relay.NAME).stat().st_mode) == 0o600


def test_a_long_path_is_no_obstacle(server: FakeServer, tmp_path: Path) -> None:
    state_dir = tmp_path / ("x" * 120) / "state"
    one = carrier(server.url, state_dir)
    with running_relay(make_context(server, state_dir)):
        report(one)
    one.close()
    assert credentials(server) == [MAIN_AGENT]


def test_without_a_socket_there_is_no_relay_and_no_harm(context: Context, tmp_path: Path) -> None:
    (tmp_path / relay.NAME).mkdir()
    loop = RelayLoop(context)
    assert not loop.listen()
    loop.close()


def test_too_many_are_sent_away(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_loop, "MOST_OPEN", 0)
    with running_relay(context):
        report(carriers("a"))
    assert [used.partition(" ")[0] for used in credentials(server)] == ["SubAgent"]


def test_many_one_after_the_other_are_not_too_many(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_loop, "MOST_OPEN", 2)
    with running_relay(context):
        for _ in range(6):
            report(carriers("a"))
    assert set(credentials(server)) == {MAIN_AGENT}


@pytest.mark.parametrize("period", [0.2, 1.0, 2.5])
def test_all_of_a_host_beat_together(period: float) -> None:
    now = 1000.0
    grid = Grid(lambda: now)
    grid._phase = 0.3
    beats = set()
    for step in range(60):
        now = 1000.0 + step * max(1.0, period) / 60
        wait = grid.seconds(period)
        assert 0.5 <= wait / max(1.0, period) <= 1.5
        beats.add(round(now + wait, 3))
    assert len(beats) == 2  # the next one, and for those that are nearest to it the one after


def test_whoever_is_alone_waits_for_nobody(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_lane, "GATHER_SECONDS", 1000.0)
    monkeypatch.setattr(relay_lane, "LATELY_SECONDS", 0.0)
    with running_relay(context):
        report(carriers("a"))
    assert credentials(server) == [MAIN_AGENT]


def test_those_that_beat_together_share_a_request(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_lane, "GATHER_SECONDS", 1000.0)
    with running_relay(context) as loop, ThreadPoolExecutor(3) as pool:
        monkeypatch.setattr(loop.plain, "_expected", lambda: 3)  # as many as came with the last beat
        others = [pool.submit(report, carriers(name)) for name in "ab"]
        wait_until(lambda: len(loop.plain._waiting) == 2)
        assert not any(one.done() for one in others)
        pool.submit(report, carriers("c")).result()
    assert [sorted(ids) for ids in ids_by_request(server)] == [["a", "b", "c"]]


def test_as_many_are_expected_as_came_lately(server: FakeServer, context: Context) -> None:
    now = [100.0]
    lane = relay_lane.Lane(context, Grid(), gathers=True, clock=lambda: now[0])
    ours, its = socket.socketpair()
    for step in (0.0, 0.3, 0.3):
        now[0] += step
        lane.hand(relay_lane.Waiter(ours, b"{}"))
    assert lane._expected() == 3
    now[0] += relay_lane.LATELY_SECONDS - 0.45
    assert lane._expected() == 2
    now[0] += relay_lane.LATELY_SECONDS
    assert lane._expected() == 0
    ours.close()
    its.close()


def test_who_waits_for_nobody_keeps_no_times(server: FakeServer, context: Context) -> None:
    lane = relay_lane.Lane(context, Grid(), gathers=False)
    ours, its = socket.socketpair()
    for _ in range(3):
        lane.hand(relay_lane.Waiter(ours, b"{}"))
    assert len(lane._waiting) == 3
    assert not lane._came
    ours.close()
    its.close()
