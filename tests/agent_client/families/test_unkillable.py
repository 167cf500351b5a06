"""Processes that do not die of KILL: the result names them, the folder stays, and their end is told to the server.

Staged by freezing them: as a process in a wait that nothing interrupts, a frozen one dies only when it is thawed.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_client import atomic
from agent_client.atomic import write_json
from agent_client.main_agent.beat_loop import BeatLoop
from agent_client.main_agent.context import Context
from agent_client.main_agent.watch_loop import WatchLoop
from agent_client.process.proc import read_stat
from agent_client.reserve import Reserve
from agent_client.sub_agent import run, survivors
from agent_client.sub_agent.aftermath import bury
from agent_client.sub_agent.finish import never_ran
from agent_client.sub_agent.stop_file import request_stop
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.beats import closed_connections
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.families.groups import frozen, is_gone, limits, needs_freezer, sleeper
from tests.agent_client.main_agent_process import grant_of, make_context
from tests.agent_client.sub_agents import start_sub_agent
from tests.waiting import wait_until

IMPATIENT_LADDER = "from agent_client.process import ladder; ladder.UNKILLABLE_SECONDS = 1"


@pytest.mark.matrix(55)
@needs_freezer
def test_a_script_that_cannot_be_killed_is_reported_with_its_pids(server: FakeServer, tmp_path: Path) -> None:
    script = "echo up; sleep 300; true"
    with start_sub_agent(server, tmp_path, script, IMPATIENT_LADDER, host_limits=limits()) as running:
        running.wait_output(b"up")
        pid = started_pid(running.folder)
        with frozen(pid):
            request_stop(running.folder, {"reason": "cancel", "grace_seconds": None, "kill_now": True})
            finish = running.wait_delivered()
            assert (finish["reason"], finish["survivors"], finish["exit_code"]) == ("unkillable", [pid], None)
            assert str(pid) in finish["detail"]
            assert survivors.left(running.folder) == [pid]
        wait_until(lambda: survivors.left(running.folder) == [], what="its end, once it can die")


@pytest.mark.matrix(55)
@needs_freezer
def test_what_a_dead_sub_agent_leaves_unkillable_is_reported_too(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "sleep 300 & echo $!; wait", host_limits=limits()) as running:
        running.wait_output(b"\n")
        pid = int(running.spooled())
        with frozen(pid):
            running.process.kill()
            running.process.wait()
            finish = bury(running.folder, "sub_lost", "The sub agent died.")
            assert (finish["reason"], finish["survivors"]) == ("sub_lost", [pid])
        wait_until(lambda: is_gone(pid), what="its end")


@pytest.fixture(autouse=True)
def _closed_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with closed_connections(monkeypatch):
        yield


@pytest.fixture
def context(server: FakeServer, tmp_path: Path) -> Context:
    return make_context(server, tmp_path)


@pytest.fixture
def survivor(context: Context) -> Iterator[tuple[SubAgentDir, int]]:
    """A delivered result with one process that is left."""
    folder = SubAgentDir.create(context.sub_agents, "s1")
    values: Any = grant_of()
    folder.write_assignment(values)
    folder.write_grant(values)
    process = sleeper()
    try:
        stat = read_stat(process.pid)
        assert stat is not None
        survivors.note(folder, [stat])
        folder.write_exit(never_ran("unkillable", "", {}, "", [process.pid]))
        folder.write_delivered({"result_code": "ok", "streams": {}})
        yield folder, process.pid
    finally:
        process.kill()
        process.wait()


@needs_freezer
def test_the_server_is_told_once_nothing_is_left(
    server: FakeServer, context: Context, survivor: tuple[SubAgentDir, int]
) -> None:
    folder, pid = survivor
    watch, beat = WatchLoop(context), BeatLoop(context)
    with frozen(pid):
        watch.turn()
        for _ in range(2):  # the session, a beat
            beat.turn()
        assert server.heartbeats[-1]["cleared"] == []
        assert folder.path.exists()
    wait_until(lambda: watch.turn() or context.cleared, what="the end of the last one to be noticed")
    beat.turn()
    assert server.heartbeats[-1]["cleared"] == [{"sub_agent_id": "s1", "fence": 7}]
    beat.turn()
    assert server.heartbeats[-1]["cleared"] == []
    assert not folder.path.exists()


def test_a_lost_beat_tells_it_again(server: FakeServer, context: Context, survivor: tuple[SubAgentDir, int]) -> None:
    folder, pid = survivor
    os.kill(pid, 9)
    watch, beat = WatchLoop(context), BeatLoop(context)
    beat.turn()
    wait_until(lambda: watch.turn() or context.cleared, what="its end to be noticed")
    server.stop()
    beat.turn()
    assert survivors.are_noted(folder)
    server.start()
    beat.turn()
    assert server.heartbeats[-1]["cleared"] == [{"sub_agent_id": "s1", "fence": 7}]


def test_no_survivor_outlives_a_reboot(context: Context, survivor: tuple[SubAgentDir, int]) -> None:
    folder, pid = survivor
    path = folder.path / survivors.FILE
    path.write_text(path.read_text().replace(str(read_boot_id()), "an-older-boot"))
    assert survivors.left(folder) == []
    assert not is_gone(pid)


def test_what_cannot_be_read_now_is_not_gone(
    context: Context, survivor: tuple[SubAgentDir, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what it holds would be given to the next."""

    def none_left(path: Path | str) -> bytes:
        if Path(path).name == survivors.FILE:
            raise OSError(24, "Too many open files")
        return read(path)

    read = atomic._content
    monkeypatch.setattr(atomic, "_content", none_left)
    WatchLoop(context).turn()
    assert context.cleared == {}


@pytest.mark.parametrize("has_reserve", [True, False])
def test_a_full_disk_takes_no_result_of_one_that_cannot_be_killed(
    context: Context, survivor: tuple[SubAgentDir, int], monkeypatch: pytest.MonkeyPatch, has_reserve: bool
) -> None:
    def write(path: Path, value: Any) -> None:
        if not has_reserve or (context.config.state_dir / "reserve").exists():
            raise OSError(28, "No space left on device")
        write_json(path, value)

    folder, pid = survivor
    stat = read_stat(pid)
    assert stat is not None
    assert not has_reserve or Reserve(context.config.state_dir).keep()
    survivors.forget(folder)
    monkeypatch.setattr(survivors, "write_json", write)
    run._note_survivors(folder, [stat])
    assert survivors.are_noted(folder) is has_reserve


def read_boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def started_pid(folder: SubAgentDir) -> int:
    started = folder.read_started()
    assert started is not None
    return started["pid"]
