"""How scripts end under a real sub agent: exit codes, signals, limits, cancels, families that resist."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from agent_client.process import proc
from agent_client.sub_agent.stop_file import request_stop
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.sub_agents import RunningSubAgent, processes_of, start_sub_agent
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(120)


def stop(running: RunningSubAgent, grace_seconds: float | None = None, kill_now: bool = False) -> None:
    request_stop(running.folder, {"reason": "cancel", "grace_seconds": grace_seconds, "kill_now": kill_now})


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_exit_code_is_reported(server: FakeServer, tmp_path: Path, code: int) -> None:
    with start_sub_agent(server, tmp_path, f"echo before; exit {code}") as running:
        finish = running.wait_delivered()
    assert (finish["reason"], finish["exit_code"], finish["signal"]) == ("exit", code, None)
    assert finish["detail"] == ""
    assert running.seen.output() == b"before\n"


def test_own_signal_is_the_scripts_own_end(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "kill -SEGV $$") as running:
        finish = running.wait_delivered()
    assert (finish["reason"], finish["exit_code"], finish["signal"]) == ("signal", None, signal.SIGSEGV)
    assert finish["sent_signals"] == []


def test_cancel_ends_the_script_within_its_grace(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "echo up; sleep 300") as running:
        running.wait_output(b"up")
        stop(running)
        finish = running.wait_delivered()
    assert (finish["reason"], finish["signal"], finish["sent_signals"]) == ("cancel", signal.SIGTERM, ["TERM"])


@pytest.mark.matrix(49)
def test_cancel_kills_a_script_that_ignores_term(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "trap '' TERM; echo up; while :; do sleep 0.1; done") as running:
        running.wait_output(b"up")
        stop(running, grace_seconds=0.5)
        finish = running.wait_delivered()
    assert (finish["reason"], finish["signal"], finish["sent_signals"]) == ("cancel", signal.SIGKILL, ["TERM", "KILL"])
    assert processes_of(running.folder) == []


def test_second_stop_ends_the_grace_at_once(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "trap 'echo asked' TERM; echo up; while :; do sleep 0.1; done") as running:
        running.wait_output(b"up")
        stop(running, grace_seconds=300)
        running.wait_output(b"asked")
        stop(running, kill_now=True)
        finish = running.wait_delivered()
    assert finish["sent_signals"] == ["TERM", "KILL"]


def test_a_program_in_the_group_keeps_its_grace_after_bash_died(server: FakeServer, tmp_path: Path) -> None:
    """bash dies of TERM at once; the training below it is still writing its checkpoint."""
    worker = (
        "import signal,sys,time; signal.signal(15, lambda *a: (time.sleep(2), print('saved', flush=True), sys.exit()));"
    )
    script = f'python3 -c "{worker} print(1, flush=True); time.sleep(300)"; true'
    with start_sub_agent(server, tmp_path, script) as running:
        running.wait_output(b"1\n")
        stop(running, grace_seconds=30)
        finish = running.wait_delivered()
    assert running.seen.output() == b"1\nsaved\n"
    assert finish["sent_signals"] == ["TERM"]


@pytest.mark.matrix(50)
def test_a_stopped_script_hears_of_its_cancel(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "trap 'echo heard; exit 9' TERM; echo up; kill -STOP $$") as running:
        running.wait_output(b"up")
        started = running.folder.read_started()
        assert started is not None
        wait_until(lambda: proc.read_stat(started["pid"]).state == "T", 10, "the script to stop itself")  # type: ignore[union-attr]
        stop(running, grace_seconds=30)
        finish = running.wait_delivered()
    assert (finish["reason"], finish["exit_code"]) == ("cancel", 9)


def test_a_stop_can_come_in_a_reply(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "sleep 300") as running:
        running.wait_running()
        running.seen.stop = {"reason": "replaced", "grace_seconds": 1.0, "kill_now": False}
        finish = running.wait_delivered()
    assert finish["reason"] == "cancel"
    assert "newer attempt" in finish["detail"]


FULL_DISK = """
from agent_client.sub_agent_dir import SubAgentDir
def full(*_):
    raise OSError(28, "No space left on device")
SubAgentDir.write_stop = full"""


@pytest.mark.matrix(34)
def test_a_stop_in_a_reply_is_heeded_on_a_full_disk(server: FakeServer, tmp_path: Path) -> None:
    """The script may be what fills it."""
    with start_sub_agent(server, tmp_path, "sleep 300", FULL_DISK) as running:
        running.wait_running()
        running.seen.stop = {"reason": "cancel", "grace_seconds": 5.0, "kill_now": False}
        finish = running.wait_delivered()
        assert (finish["reason"], finish["sent_signals"]) == ("cancel", ["TERM"])
        running.seen.stop = None


FAULTS_OF_OURS = """
from agent_client.sub_agent import reporter
def fault(*_):
    raise TypeError("a fault of ours")
reporter.Reporter.look = fault"""


def test_a_fault_while_looking_after_a_script_does_not_end_it(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "sleep 0.5; exit 7", FAULTS_OF_OURS) as running:
        finish = running.wait_delivered()
    assert (finish["reason"], finish["exit_code"]) == ("exit", 7)


def test_time_limit(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "sleep 300", time_limit_seconds=0.5, grace_seconds=2.0) as running:
        finish = running.wait_delivered()
    assert (finish["reason"], finish["sent_signals"]) == ("timeout", ["TERM"])
    assert finish["duration_seconds"] >= 0.5


@pytest.mark.matrix(51)
def test_a_daemon_without_cookie_group_and_session_is_ended(server: FakeServer, tmp_path: Path) -> None:
    script = "env -i setsid bash -c 'echo $$ >\"$0\"; exec sleep 300' pid & while ! [ -s pid ]; do sleep 0.02; done"
    with start_sub_agent(server, tmp_path, script, working_directory=str(tmp_path)) as running:
        finish = running.wait_delivered()
    assert (finish["reason"], finish["exit_code"]) == ("exit", 0)
    assert "left running" in finish["detail"]
    assert proc.read_stat(int((tmp_path / "pid").read_text())) is None


@pytest.mark.matrix(52)
def test_a_background_child_that_holds_the_output_does_not_hold_the_result(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "trap '' TERM; sleep 300 & echo done; exit 5") as running:
        finish = running.wait_delivered(seconds=20)
    assert finish["exit_code"] == 5
    assert running.seen.output() == b"done\n"
    assert processes_of(running.folder) == []


@pytest.mark.matrix(56)
def test_kill_of_the_sub_agent_by_its_script_takes_the_script_with_it(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "echo up; kill -9 $PPID; sleep 300") as running:
        assert running.process.wait(20) == -signal.SIGKILL
        started = running.folder.read_started()
        assert started is not None
        wait_until(lambda: _is_gone(started["pid"]), 10, "the script to die with its sub agent")
    assert not running.folder.is_alive()
    assert running.folder.read_exit() is None


def test_term_does_not_end_a_sub_agent_whose_script_runs(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(
        server, tmp_path, "echo up; while ! [ -e go ]; do sleep 0.05; done; exit 3", working_directory=str(tmp_path)
    ) as running:
        running.wait_output(b"up")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(running.process.pid, number)
        (tmp_path / "go").touch()
        assert running.wait_delivered()["exit_code"] == 3


def test_term_ends_a_sub_agent_whose_folder_was_removed(server: FakeServer, tmp_path: Path) -> None:
    """Its server is away for ever, too: nobody else would ever end it."""
    script = "echo up; while ! [ -e go ]; do sleep 0.05; done"
    with start_sub_agent(server, tmp_path, script, working_directory=str(tmp_path)) as running:
        running.wait_output(b"up")
        server.stop()
        shutil.rmtree(running.folder.path)
        os.kill(running.process.pid, signal.SIGTERM)
        assert running.process.poll() is None
        (tmp_path / "go").touch()
        wait_until(lambda: _ends_on_term(running), 20, "the sub agent to end")


def _ends_on_term(running: RunningSubAgent) -> bool:
    """While the script runs, the signal is not minded."""
    running.process.send_signal(signal.SIGTERM)
    return running.process.poll() is not None


def _is_gone(pid: int) -> bool:
    stat = proc.read_stat(pid)
    return stat is None or stat.is_dead
