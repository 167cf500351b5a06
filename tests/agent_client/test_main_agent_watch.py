"""Watch and delivery loops in this process: frozen sub agents, damaged folders, loops that fail."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_client import atomic
from agent_client.main_agent import delivery_loop
from agent_client.main_agent.context import Context
from agent_client.main_agent.delivery_loop import DeliveryLoop
from agent_client.main_agent.loops import EXIT_FAILED, EXIT_STOPPED, End, Shutdown, start_loop
from agent_client.main_agent.watch_loop import WatchLoop, has_damaged_end
from agent_client.process import signals
from agent_client.process.proc import read_stat
from agent_client.sub_agent.aftermath import bury
from agent_client.sub_agent.finish import never_ran
from agent_client.sub_agent_dir import SubAgentDir, Unreadable
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.main_agent_process import grant_of, make_context
from tests.waiting import wait_until

HOLD_LOCK = """
import sys, time
from pathlib import Path
from agent_client.sub_agent_dir import SubAgentDir
descriptor = SubAgentDir(Path(sys.argv[1])).acquire_lock()
time.sleep(300)
"""


@pytest.fixture
def context(server: FakeServer, tmp_path: Path) -> Context:
    return make_context(server, tmp_path)


@pytest.fixture
def folder(context: Context) -> SubAgentDir:
    made = SubAgentDir.create(context.sub_agents, "s1")
    values: Any = grant_of()
    made.write_assignment(values)
    made.write_grant({**values, "server_url": context.identity.server_url})
    return made


@pytest.fixture
def frozen(folder: SubAgentDir) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the lock as a sub agent does, is stopped, and beat for the last time long ago."""
    with subprocess.Popen([sys.executable, "-c", HOLD_LOCK, str(folder.path)]) as process:
        try:
            wait_until(folder.is_alive, what="the lock")
            values: Any = {"pid": process.pid, "pid_start_ticks": 1, "boot_id": "", "sid": 1, "cookie": "c"}
            folder.write_started(values)
            process.send_signal(signal.SIGSTOP)
            wait_until(lambda: state_of(process.pid) == "T", what="the process to stop")
            yield process
        finally:
            process.kill()


def state_of(pid: int) -> str:
    stat = read_stat(pid)
    return stat.state if stat else ""


def beat_was(folder: SubAgentDir, age_seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SubAgentDir, "beat_age_seconds", lambda self: age_seconds)


def test_a_frozen_sub_agent_is_continued_and_at_last_killed(
    context: Context, folder: SubAgentDir, frozen: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    watch = WatchLoop(context, lambda: now)
    folder.touch_beat()
    beat_was(folder, 10, monkeypatch)
    watch.turn()
    assert state_of(frozen.pid) == "T"
    beat_was(folder, 16, monkeypatch)
    watch.turn()
    wait_until(lambda: state_of(frozen.pid) == "S", what="the process to be continued")
    for _ in range(46):
        now += 1
        beat_was(folder, 16 + now - 1000, monkeypatch)
        watch.turn()
    assert frozen.wait(10) == -signal.SIGKILL


def turns_for(watch: WatchLoop, clock: list[float], seconds: int) -> None:
    for _ in range(seconds):
        clock[0] += 1
        watch.turn()


def test_a_sub_agent_that_cannot_write_its_beat_is_not_killed(
    context: Context, folder: SubAgentDir, frozen: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk that takes no more writes every beat grows old, and the scripts behind them are fine."""
    clock = [1000.0]
    watch = WatchLoop(context, lambda: clock[0])
    folder.touch_beat()
    beat_was(folder, 100, monkeypatch)
    monkeypatch.setattr(SubAgentDir, "takes_a_beat", lambda self: False)
    turns_for(watch, clock, 200)
    assert frozen.poll() is None
    monkeypatch.undo()
    beat_was(folder, 300, monkeypatch)
    turns_for(watch, clock, 50)
    assert frozen.wait(10) == -signal.SIGKILL


def test_a_lock_that_the_main_agent_holds_itself_is_no_sub_agent(
    context: Context, folder: SubAgentDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the lock of a script that never started until the server knows: however long the server is away."""
    sent: list[int] = []
    monkeypatch.setattr(signals, "send", lambda pid, ticks, number: sent.append(pid))
    folder.touch_beat()
    beat_was(folder, 100, monkeypatch)
    descriptor = folder.acquire_lock()
    clock = [1000.0]
    turns_for(WatchLoop(context, lambda: clock[0]), clock, 200)
    os.close(descriptor)
    assert sent == []


def test_a_dead_one_is_buried_and_delivered(server: FakeServer, context: Context, folder: SubAgentDir) -> None:
    values: Any = {
        "pid": 2**22 + 1,
        "pid_start_ticks": 1,
        "boot_id": context.boot_id,
        "sid": 1,
        "cookie": "nobody has it",
    }
    folder.write_started(values)
    folder.stream_path("out").write_bytes(b"left behind")
    WatchLoop(context).turn()
    assert context.delivery_wanted.is_set()
    delivery = DeliveryLoop(context)
    wait_until(lambda: delivery.turn() >= 0 and folder.read_delivered(), what="the delivery")
    finish = server.sub_agent("s1").finish
    assert finish is not None
    assert finish["reason"] == "sub_lost"
    assert server.sub_agent("s1").output() == b"left behind"
    assert context.beat_wanted.is_set()


def test_a_living_sub_agent_is_left_to_itself(server: FakeServer, context: Context, folder: SubAgentDir) -> None:
    values: Any = {"pid": os.getpid(), "pid_start_ticks": 1, "boot_id": context.boot_id, "sid": 1, "cookie": "c"}
    folder.write_started(values)
    descriptor = folder.acquire_lock()
    try:
        WatchLoop(context).turn()
        DeliveryLoop(context).turn()
    finally:
        os.close(descriptor)
    assert folder.read_exit() is None
    assert server.calls == []


def test_one_damaged_folder_does_not_hold_up_the_others(
    server: FakeServer, context: Context, folder: SubAgentDir
) -> None:
    folder.write_exit(never_ran("sub_lost", "It died.", {"out": 0}, "2030-01-01T00:00:00Z"))
    damaged = SubAgentDir.create(context.sub_agents, "s0")
    values: Any = grant_of("s0")
    damaged.write_assignment(values)
    damaged.write_grant({**values, "server_url": context.identity.server_url})
    (damaged.path / "exit.json").write_text("{")
    delivery = DeliveryLoop(context)
    wait_until(lambda: delivery.turn() >= 0 and folder.read_delivered(), what="the delivery of the good one")
    assert damaged.path.exists()
    assert server.sub_agent("s0").finish is None


@pytest.mark.parametrize("name", ["exit.json", "started.json"])
def test_a_damaged_record_of_a_dead_one_is_no_limbo(
    server: FakeServer, context: Context, folder: SubAgentDir, name: str
) -> None:
    values: Any = {"pid": 2**22 + 1, "pid_start_ticks": 1, "boot_id": context.boot_id, "sid": 1, "cookie": "no one's"}
    folder.write_started(values)
    (folder.path / name).write_text("{")
    WatchLoop(context).turn()
    delivery = DeliveryLoop(context)
    wait_until(lambda: delivery.turn() >= 0 and folder.read_delivered(), what="the delivery")
    finish = server.sub_agent("s1").finish
    assert finish is not None
    assert finish["reason"] == "sub_lost"
    assert ("nobody knows how it ended" in finish["detail"]) == (name == "exit.json")


def test_a_record_that_cannot_be_read_now_is_not_replaced(
    context: Context, folder: SubAgentDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write_exit(never_ran("sub_lost", "It died.", {"out": 0}, "2030-01-01T00:00:00Z"))
    before = (folder.path / "exit.json").read_bytes()

    def broken(path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "_content", broken)
        assert not has_damaged_end(folder)
        with pytest.raises(Unreadable, match="Input/output error"):
            bury(folder, "sub_lost", "It died.")
    assert (folder.path / "exit.json").read_bytes() == before


def test_what_cannot_be_noted_is_not_told_again_and_again(
    server: FakeServer, context: Context, folder: SubAgentDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: SubAgentDir, value: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder.write_exit(never_ran("sub_lost", "It died.", {"out": 0}, "2030-01-01T00:00:00Z"))
    monkeypatch.setattr(SubAgentDir, "write_delivered", full)
    delivery = DeliveryLoop(context)
    wait_until(lambda: delivery.turn() >= 0 and server.sub_agent("s1").is_complete, what="the delivery")
    delivery.turn()
    calls = len(server.calls)
    for _ in range(5):
        delivery.turn()
    assert len(server.calls) == calls
    assert not context.beat_wanted.is_set()


def test_many_results_are_delivered_a_few_at_a_time(
    server: FakeServer, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the first ones get nowhere."""
    monkeypatch.setattr(delivery_loop, "MOST_OPEN", 2)
    for number in range(2):
        server.sub_agent(f"s{number}").codes += ["unknown_sub_agent"] * 100
    for number in range(5):
        values: Any = grant_of(f"s{number}")
        made = SubAgentDir.create(context.sub_agents, f"s{number}")
        made.write_assignment(values)
        made.write_grant({**values, "server_url": context.identity.server_url})
        made.write_exit(never_ran("sub_lost", "It died.", {"out": 0}, "2030-01-01T00:00:00Z"))
    delivery = DeliveryLoop(context)
    most_open = 0
    for _ in range(40):
        delivery.turn()
        most_open = max(most_open, len(delivery._open))
    delivery._close_all_but(set())
    assert most_open <= 2
    assert all(server.sub_agent(f"s{number}").finish for number in range(2, 5))


def test_a_result_without_a_grant_rests_instead_of_spinning(context: Context, folder: SubAgentDir) -> None:
    folder.write_exit(never_ran("sub_lost", "It died.", {"out": 0}, "2030-01-01T00:00:00Z"))
    (folder.path / "grant.json").unlink()
    delivery = DeliveryLoop(context)
    assert delivery.turn() == 1.0
    assert folder.path.exists()


def test_a_loop_that_raises_ends_the_agent() -> None:
    shutdown = Shutdown()

    def body() -> None:
        raise RuntimeError("broken")

    thread = start_loop("watch", body, shutdown)
    end = shutdown.wait()
    thread.join(10)
    assert end.exit_code == EXIT_FAILED
    assert "the watch loop failed (RuntimeError: broken)" in end.sentence


def test_a_loop_that_returns_ends_the_agent_too() -> None:
    shutdown = Shutdown()
    start_loop("watch", lambda: None, shutdown).join(10)
    assert shutdown.wait() == End(EXIT_FAILED, "the watch loop ended by itself")


def test_the_first_reason_to_end_wins() -> None:
    shutdown = Shutdown()
    shutdown.ask(End(EXIT_STOPPED))
    shutdown.ask(End(EXIT_FAILED, "late"))
    assert shutdown.wait() == End(EXIT_STOPPED)
