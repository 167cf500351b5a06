"""Parts of the main agent without a server: stale beats, memory of launches, state directory, who holds a lock."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent_client.journal import LocalRecord
from agent_client.main_agent import state_dir
from agent_client.main_agent.beat_loop import lack_of_room, stretched
from agent_client.main_agent.lock_holder import find_holder
from agent_client.main_agent.memory import LAUNCH_GRACE_SECONDS, LAUNCH_TRIES, BeatMemory
from agent_client.main_agent.priority import protect_from_oom
from agent_client.main_agent.stale_beats import StaleBeats
from agent_client.main_agent.state_dir import StateDirError, StateDirInUse
from agent_client.main_agent.watch_loop import cause_of_death
from agent_client.process.proc import start_ticks
from agent_client.sub_agent_dir import SubAgentDir
from tests.waiting import wait_until


def judge_each_second(beats: StaleBeats, first: int, last: int, offset: int = 0) -> list[str]:
    verdicts = []
    for now in range(first, last):
        beats.begin_turn(now)
        verdicts.append(beats.judge("s1", now - offset, now))
    return verdicts


def test_a_stale_beat_is_nudged_once_and_killed_much_later() -> None:
    verdicts = judge_each_second(StaleBeats(), 0, 70)
    assert verdicts.index("continue") == 16
    assert verdicts.count("continue") == 1
    assert verdicts.index("kill") == 62


def test_a_beat_that_comes_back_starts_over() -> None:
    beats = StaleBeats()
    judge_each_second(beats, 0, 30)
    assert beats.judge("s1", 0.5, 30) == "fine"
    assert beats.judge("s1", 16, 46) == "continue"


def test_after_a_pause_of_our_own_nobody_is_killed_at_once() -> None:
    beats = StaleBeats()
    judge_each_second(beats, 0, 20)
    assert judge_each_second(beats, 300, 340).count("kill") == 0
    fresh = StaleBeats()
    fresh.begin_turn(500)
    assert fresh.judge("s1", 400, 500) == "continue"
    assert fresh.judge("s1", None, 501) == "fine"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_launch_counts_until_it_arrives_or_its_grace_is_over() -> None:
    clock = Clock()
    memory = BeatMemory(clock)
    memory.claimed("s1")
    assert memory.view([], "").to_launch == {"s1"}
    memory.launched("s1")
    assert memory.view([], "").launching == {"s1"}
    assert memory.view([], "").to_launch == frozenset()
    clock.now = LAUNCH_GRACE_SECONDS + 1
    assert memory.view([], "").launching == frozenset()
    memory.launched("s1")
    assert memory.view([LocalRecord("s1", 1, 1, "claimed", is_alive=True)], "").launching == frozenset()


def test_a_launch_that_fails_three_times_is_not_started() -> None:
    memory = BeatMemory(Clock())
    memory.claimed("s1")
    for tries in range(LAUNCH_TRIES):
        assert memory.view([], "").not_started == {}, tries
        memory.launch_failed("s1", "no processes left")
    assert memory.view([], "").not_started == {"s1": "The sub agent could not be launched: no processes left"}
    assert memory.view([], "").to_launch == frozenset()


def rest_seconds(memory: BeatMemory, clock: Clock) -> float:
    """How long the rest that begins now lasts, in whole seconds."""
    memory.rest("s1")
    began = clock.now
    while memory.view([], "").resting:
        clock.now += 1
    return clock.now - began


def test_a_rest_ends_and_the_next_one_is_longer() -> None:
    """The first ones end before the server takes the assignment back, after 15 s."""
    clock = Clock()
    memory = BeatMemory(clock)
    assert [rest_seconds(memory, clock) for _ in range(6)] == [3, 6, 12, 24, 30, 30]
    memory.claimed("s1")
    assert rest_seconds(memory, clock) == 3


def test_the_state_directory_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "a" / "state"
    state_dir.prepare(path)
    assert path.stat().st_mode & 0o777 == 0o700
    path.chmod(0o755)
    state_dir.prepare(path)
    assert path.stat().st_mode & 0o777 == 0o700
    assert [child.name for child in path.iterdir()] == ["sub_agents"]


def test_a_state_directory_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateDirError, match="cannot be used"):
        state_dir.prepare(tmp_path / "file" / "state")


def test_leftovers_of_a_crash_are_swept_and_nothing_else(tmp_path: Path) -> None:
    values: Any = {"fence": 1, "task_id": 1}
    sub_agents = tmp_path / "sub_agents"
    kept = SubAgentDir.create(sub_agents, "kept")
    kept.write_assignment(values)
    damaged = SubAgentDir.create(sub_agents, "damaged")
    (damaged.path / "exit.json").touch()
    SubAgentDir.create(sub_agents, "empty")
    (SubAgentDir.create(sub_agents, "granted").path / "grant.json").touch()
    (SubAgentDir.create(sub_agents, "strange").path / "notes.txt").touch()
    (sub_agents / ".removed-s1" / "tmp").mkdir(parents=True)
    (tmp_path / "agent.json").touch()
    (tmp_path / ".agent.json.123.tmp").write_text("half a secret")
    state_dir.sweep_leftovers(tmp_path)
    assert sorted(path.name for path in sub_agents.iterdir()) == ["damaged", "kept", "strange"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agent.json", "sub_agents"]


def test_a_full_disk_keeps_no_agent_from_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has scripts to look after, and results to deliver."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "sub_agents").mkdir()
    (tmp_path / "lock").touch()
    monkeypatch.setattr(Path, "touch", full)
    monkeypatch.setattr(os, "write", full)
    state_dir.prepare(tmp_path)
    descriptor = state_dir.take_lock(tmp_path)
    with pytest.raises(StateDirInUse, match="another main agent is using"):
        state_dir.take_lock(tmp_path)
    os.close(descriptor)


def test_a_disk_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(state_dir.fcntl, "flock", no_locks)
    with pytest.raises(StateDirError, match="No locks available"):
        state_dir.take_lock(tmp_path)


def test_one_agent_per_state_directory(tmp_path: Path) -> None:
    descriptor = state_dir.take_lock(tmp_path)
    with pytest.raises(StateDirInUse, match=f"pid {os.getpid()}"):
        state_dir.take_lock(tmp_path)
    os.close(descriptor)
    os.close(state_dir.take_lock(tmp_path))


def test_the_holder_of_a_lock_is_found(tmp_path: Path) -> None:
    folder = SubAgentDir.create(tmp_path, "s1")
    code = (
        "import time; from pathlib import Path; from agent_client.sub_agent_dir import SubAgentDir;"
        f"d = SubAgentDir(Path({str(folder.path)!r})).acquire_lock(); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        try:
            wait_until(folder.is_alive, what="the lock")
            holder = find_holder(folder)
            assert holder is not None
            assert (holder.pid, holder.start_ticks) == (process.pid, start_ticks(process.pid))
        finally:
            process.kill()
    assert find_holder(folder) is None


def test_another_boot_is_the_cause_of_death(tmp_path: Path) -> None:
    folder = SubAgentDir.create(tmp_path, "s1")
    record: Any = {"pid": 1, "pid_start_ticks": 1, "boot_id": "old", "sid": 1, "cookie": "c"}
    folder.write_started(record)
    assert cause_of_death(folder, "new")[0] == "host_rebooted"
    assert cause_of_death(folder, "old")[0] == "sub_lost"
    assert cause_of_death(folder, "")[0] == "sub_lost"


def test_too_little_disk_is_said_and_an_unknown_size_is_not() -> None:
    resources: Any = {"disk_free_mib": 100}
    assert "Only 100 MiB are free" in lack_of_room(resources, 101)
    assert lack_of_room(resources, 100) == ""
    assert lack_of_room({**resources, "disk_free_mib": None}, 100) == ""


def test_intervals_keep_near_what_the_server_asked() -> None:
    assert all(1.8 <= stretched(2.0) <= 2.2 for _ in range(100))
    assert stretched(0.0) > 1.0


def test_a_preferred_thread_forks_ordinary_children() -> None:
    """Run apart: priorities of this process would stay changed."""
    code = """
import os, subprocess, sys
from agent_client.main_agent.priority import ordinary_priority, prefer_this_thread
before = os.getpriority(os.PRIO_PROCESS, 0)
import threading
def nice(): return int(subprocess.run(["nice"], capture_output=True, text=True, check=True).stdout)
def body():
    preferred = prefer_this_thread()
    with ordinary_priority(): inside = nice()
    print(preferred, before == inside, nice() - before)
thread = threading.Thread(target=body); thread.start(); thread.join()
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert output in (["True", "True", "-10"], ["False", "True", "0"])


def test_oom_protection_is_skipped_where_it_is_not_allowed(tmp_path: Path) -> None:
    assert protect_from_oom(tmp_path / "score")
    assert (tmp_path / "score").read_text() == "-900"
    assert not protect_from_oom(tmp_path / "no" / "score")
