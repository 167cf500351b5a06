"""What happens when a sub agent is killed: its script dies, its family is found and ended, its result is delivered."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent_client.process import proc
from agent_client.sub_agent import aftermath
from agent_client.sub_agent.delivery import Delivery
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.sub_agents import RunningSubAgent, make_folder, processes_of, start_sub_agent
from tests.waiting import wait_until


def start_again(folder: SubAgentDir) -> int:
    return subprocess.run([sys.executable, "-m", "agent_client", "sub-agent", str(folder.path)], check=False).returncode


def deliver(folder: SubAgentDir) -> None:
    delivery = Delivery.connect(folder)
    try:
        wait_until(lambda: delivery.step().done, 30, "delivery by someone else")
    finally:
        delivery.close()


def kill(running: RunningSubAgent) -> None:
    running.process.kill()
    running.process.wait()


@pytest.mark.matrix(6)
def test_a_killed_sub_agent_is_buried(server: FakeServer, tmp_path: Path) -> None:
    script = "echo before; setsid sleep 300 & (sleep 300; true) & sleep 300"
    with start_sub_agent(server, tmp_path, script) as running:
        running.wait_output(b"before")
        wait_until(lambda: len(processes_of(running.folder)) >= 4, 10, "the whole family")
        kill(running)
        assert not running.folder.is_alive()
        finish = aftermath.bury(running.folder, "sub_lost", "The sub agent died.")
        assert processes_of(running.folder) == []
        assert finish["reason"] == "sub_lost"
        assert finish["sizes"] == {"out": len(running.spooled())}
        assert running.folder.read_exit() == finish
        deliver(running.folder)
        assert running.seen.is_complete
        assert running.seen.output() == running.spooled()
    assert running.seen.output().startswith(b"before\n")


@pytest.mark.matrix(6)
def test_a_daemon_without_any_mark_is_found_by_the_family_note(server: FakeServer, tmp_path: Path) -> None:
    script = "env -i setsid sleep 300 & echo $! >pid; sleep 300"
    with start_sub_agent(server, tmp_path, script, working_directory=str(tmp_path)) as running:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), 10, "the daemon")
        pid = int((tmp_path / "pid").read_text())
        wait_until(lambda: pid in {row[0] for row in running.folder.read_family()}, 10, "the note of the family")
        kill(running)
        aftermath.bury(running.folder, "sub_lost", "The sub agent died.")
        wait_until(lambda: (stat := proc.read_stat(pid)) is None or stat.is_dead, 5, "the daemon's end")


def test_a_process_of_the_last_moment_without_a_cookie_is_found_by_its_group(
    server: FakeServer, tmp_path: Path
) -> None:
    """Started and orphaned before any note of the family was written."""
    script = "env -i sleep 300 & echo $! >pid; kill -9 $PPID; sleep 300"
    with start_sub_agent(server, tmp_path, script, working_directory=str(tmp_path)) as running:
        running.process.wait(20)
        pid = int((tmp_path / "pid").read_text())
        running.folder.write_family(frozenset())
        aftermath.bury(running.folder, "sub_lost", "The sub agent died.")
        wait_until(lambda: (stat := proc.read_stat(pid)) is None or stat.is_dead, 5, "its end")


def test_a_result_that_was_recorded_stands(server: FakeServer, tmp_path: Path) -> None:
    server.stop()
    with start_sub_agent(server, tmp_path, "echo all; exit 9") as running:
        wait_until(lambda: running.folder.read_exit() is not None, 20, "the exit record")
        kill(running)
        assert aftermath.bury(running.folder, "sub_lost", "The sub agent died.")["exit_code"] == 9
        server.start()
        deliver(running.folder)
    assert running.seen.finish is not None
    assert running.seen.finish["exit_code"] == 9
    assert running.seen.output() == b"all\n"


def test_delivery_goes_on_where_the_dead_one_stopped(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "head -c 500000 /dev/urandom; echo up; sleep 300") as running:
        wait_until(lambda: len(running.seen.output()) == 500_003, 20, "the output at the server")
        kill(running)
        aftermath.bury(running.folder, "sub_lost", "The sub agent died.")
        deliver(running.folder)
        assert running.seen.output() == running.spooled()
    assert running.seen.is_complete


def test_delivering_twice_changes_nothing(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "echo once; exit 4") as running:
        first = running.wait_delivered()
    (running.folder.path / "delivered.json").unlink()
    deliver(running.folder)
    assert running.seen.finish == first
    assert running.seen.output() == b"once\n"


def test_no_start_record_means_that_nothing_ran(server: FakeServer, tmp_path: Path) -> None:
    """Killed between fork and release: the child waits at the barrier and goes when the sub agent is gone."""
    witness = tmp_path / "witness"
    pid = os.fork()
    if pid == 0:
        _die_before_release(tmp_path, witness)
    os.waitpid(pid, 0)
    child = int((tmp_path / "child").read_text())
    wait_until(lambda: (stat := proc.read_stat(child)) is None or stat.is_dead, 10, "the held child's end")
    assert not witness.exists()


def _die_before_release(parent: Path, witness: Path) -> None:
    from agent_client.process.spawn import Command, spawn

    command = Command(["/bin/touch", str(witness)], {}, "/", parent / "out")
    (parent / "child").write_text(str(spawn(command).pid))
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_started_folder_is_never_run_again(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "echo ran >>runs", working_directory=str(tmp_path)) as running:
        running.wait_delivered()
        (running.folder.path / "exit.json").unlink()
        assert start_again(running.folder) == 4
    assert (tmp_path / "runs").read_text() == "ran\n"


def test_a_locked_folder_is_left_alone(server: FakeServer, tmp_path: Path) -> None:
    folder = make_folder(tmp_path, server_url=server.url)
    lock = folder.acquire_lock()
    try:
        assert start_again(folder) == 3
    finally:
        os.close(lock)
    assert folder.local_state() == "claimed"


def test_processes_of_another_boot_are_not_looked_for(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    folder.write_started(
        {
            "pid": os.getpid(),
            "pid_start_ticks": proc.start_ticks(os.getpid()),
            "boot_id": "older",
            "sid": os.getsid(0),
            "cookie": "c",
        }
    )
    finish = aftermath.bury(folder, "host_rebooted", "The host was restarted.")
    assert finish["reason"] == "host_rebooted"


def test_a_stranger_with_the_scripts_pid_is_not_hurt(tmp_path: Path) -> None:
    """The pid lives, its start time is another one: we ourselves are the stranger."""
    folder = make_folder(tmp_path)
    own_ticks = proc.start_ticks(os.getpid())
    assert own_ticks is not None
    bystander = os.fork()
    if bystander == 0:
        os.setsid()
        signal.pause()
    try:
        wait_until(lambda: os.getsid(bystander) == bystander, 5, "the bystander's own session")
        folder.write_started(
            {
                "pid": bystander,
                "pid_start_ticks": own_ticks - 1000,
                "boot_id": proc.boot_id(),
                "sid": bystander,
                "cookie": "none",
            }
        )
        aftermath.bury(folder, "sub_lost", "The sub agent died.")
        stat = proc.read_stat(bystander)
        assert stat is not None
        assert not stat.is_dead
    finally:
        os.kill(bystander, signal.SIGKILL)
        os.waitpid(bystander, 0)
