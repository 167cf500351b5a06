"""Failover tasks on a host that loses contact: the script ends in time, whoever of the agents is frozen."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent_client.main_agent.lock_holder import find_holder
from agent_client.main_agent.watch_loop import WatchLoop, must_be_killed
from agent_client.process import proc
from agent_client.sub_agent.lease import Lease, boottime
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.main_agent_process import make_context
from tests.agent_client.sub_agents import RunningSubAgent, make_folder, processes_of, start_sub_agent
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(120)
SCRIPT = "echo up; while :; do sleep 0.05; done"
PATIENCE_SECONDS = 4.0  # for the start of the sub agent; the lease is that much longer at first
RENEWAL = {"stop_after_seconds": 1.5, "kill_within_seconds": 1.0}


@contextmanager
def leased(server: FakeServer, parent: Path, script: str = SCRIPT) -> Iterator[RunningSubAgent]:
    """A sub agent whose server renews its lease with every answer."""
    server.sub_agent("sub-1").renewal = RENEWAL
    folder = parent / "sub-1"
    folder.mkdir(parents=True, mode=0o700)
    Lease(folder).renew(boottime() + PATIENCE_SECONDS, RENEWAL)  # type: ignore[arg-type]
    with start_sub_agent(server, parent, script, number=1) as running:
        running.wait_running()
        yield running


def frozen(running: RunningSubAgent) -> list[int]:
    """The sub agent first, then all that it started."""
    pids = [running.process.pid, *processes_of(running.folder)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    return pids


def lease_is_over(running: RunningSubAgent) -> bool:
    lease = Lease.of(running.folder.path)
    return lease is not None and lease.must_be_killed()


@pytest.mark.slow
def test_a_script_whose_server_is_away_is_stopped(server: FakeServer, tmp_path: Path) -> None:
    with leased(server, tmp_path) as running:
        first_end = boottime() + PATIENCE_SECONDS + RENEWAL["stop_after_seconds"] + 0.5
        wait_until(lambda: boottime() > first_end, 30, "the first lease to be over")
        assert processes_of(running.folder), "every answer renews it"
        server.stop()
        wait_until(lambda: not processes_of(running.folder), 20, "the script to be stopped")
        server.start()
        finish = running.wait_delivered(60)
    assert (finish["reason"], finish["sent_signals"]) == ("fenced", ["TERM"])
    assert "out of reach" in finish["detail"]


@pytest.mark.slow
def test_one_that_minds_no_signal_is_killed_in_time(server: FakeServer, tmp_path: Path) -> None:
    with leased(server, tmp_path, f"trap '' TERM; {SCRIPT}") as running:
        server.stop()
        wait_until(lambda: not processes_of(running.folder), 40, "the script to be killed")
        server.start()
        finish = running.wait_delivered(60)
    assert (finish["reason"], finish["sent_signals"]) == ("fenced", ["TERM", "KILL"])


@pytest.mark.matrix(17)
def test_a_frozen_sub_agent_is_killed_with_its_script(server: FakeServer, tmp_path: Path) -> None:
    """The main agent goes by the lease in the folder, and writes the record of the end."""
    context = make_context(server, tmp_path)
    with leased(server, context.sub_agents) as running:
        watch = WatchLoop(context)
        running.folder.write_assignment({"sub_agent_id": "sub-1", "fence": 7, "task_id": 12})  # type: ignore[typeddict-item]
        script = processes_of(running.folder)
        os.kill(running.process.pid, signal.SIGSTOP)
        watch.turn()
        assert find_holder(running.folder) is not None, "the lease is not over yet"

        def ended() -> bool:
            watch.turn()
            return running.folder.read_exit() is not None

        wait_until(ended, 40, "the record of the end")
        assert not [pid for pid in script if (stat := proc.read_stat(pid)) and not stat.is_dead]
        finish = running.folder.read_exit()
    assert finish is not None
    assert finish["reason"] == "fenced"


@pytest.mark.parametrize(
    ("beats", "can_be_written", "is_killed"),
    [(True, True, False), (False, True, True), (False, False, False), (None, True, True)],
)
def test_a_lease_that_could_not_be_written_down_kills_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beats: bool | None, can_be_written: bool, is_killed: bool
) -> None:
    """On a disk that can only be read the lease in the folder is over, although the server renews it."""
    folder = make_folder(tmp_path)
    Lease(folder.path).renew(boottime() - 100, RENEWAL)  # type: ignore[arg-type]
    if beats is not None:
        folder.touch_beat()
        now = time.monotonic() + (0 if beats else 4)
        monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(SubAgentDir, "takes_a_beat", lambda _: can_be_written)
    assert must_be_killed(folder) is is_killed


@pytest.mark.matrix(18)
@pytest.mark.slow
def test_a_host_that_was_frozen_looks_at_the_lease_first(server: FakeServer, tmp_path: Path) -> None:
    """On thaw nothing but the end follows, although the server is back; its answer then is that another has it."""
    with leased(server, tmp_path, f"trap 'echo too late; exit 3' TERM; {SCRIPT}") as running:
        running.wait_output(b"up")
        pids = frozen(running)
        running.seen.codes = ["already_final"] * 100
        running.seen.renewal = None
        wait_until(lambda: lease_is_over(running), 40, "the lease to be over")
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: running.folder.read_exit() is not None, 20, "the end")
        finish = running.folder.read_exit()
        assert not processes_of(running.folder)
    assert finish is not None
    assert finish["reason"] == "fenced"


FROZEN_AT_THE_FORK = """
from agent_client.process import spawn
from agent_client.sub_agent.lease import Lease
def late(group, fork=spawn.fork_child):
    child = fork(group)
    Lease.overdue_seconds = lambda _: 60.0
    return child
spawn.fork_child = late"""


def test_a_host_that_stood_still_at_the_fork_starts_nothing(server: FakeServer, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    (tmp_path / "sub-1").mkdir(mode=0o700)
    Lease(tmp_path / "sub-1").renew(boottime() + 100, RENEWAL)  # type: ignore[arg-type]
    with start_sub_agent(server, tmp_path, f"touch {witness}", FROZEN_AT_THE_FORK, number=1) as running:
        assert running.process.wait(20) == 5
        assert not running.folder.has_started()
    assert not witness.exists()


def test_before_the_start_an_over_lease_starts_nothing(server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "sub-1").mkdir(mode=0o700)
    Lease(tmp_path / "sub-1").renew(boottime() - 100, RENEWAL)  # type: ignore[arg-type]
    with start_sub_agent(server, tmp_path, SCRIPT, number=1) as running:
        assert running.process.wait(20) == 5
        assert not running.folder.has_started()
