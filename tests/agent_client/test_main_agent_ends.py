"""How a main agent is told to end: by its server, and on its own host; what becomes of its scripts meanwhile."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_client.main_agent import stop as stop_module
from agent_client.main_agent.loops import EXIT_ENDED, EXIT_STOPPED
from agent_client.main_agent.state_dir import StateDirError
from agent_client.main_agent.stop import holder
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.main_agent_process import ROOT, AgentProcess, assign, running_agent
from tests.waiting import wait_until


@pytest.fixture
def agent(server: FakeServer, tmp_path: Path) -> Iterator[AgentProcess]:
    server.next_in_seconds = 0.1
    with running_agent(server, tmp_path / "state") as running:
        yield running


def stop(agent: AgentProcess, how: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "agent_client", "agent", "stop", how, "--state-dir", str(agent.state_dir)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def started(server: FakeServer, script: str) -> None:
    assign(server, script=script)
    wait_until(lambda: server.sub_agent("s1").started, what="the script")


def finish(server: FakeServer) -> dict[str, object]:
    return wait_until(lambda: server.sub_agent("s1").finish, what="the result")


def test_the_server_may_end_it_and_scripts_run_on(server: FakeServer, agent: AgentProcess, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    started(server, f"while ! [ -e {gate} ]; do sleep 0.05; done; exit 7")
    server.wants_end = True
    assert agent.process.wait(20) == EXIT_ENDED
    assert "an operator asked it to end; main agent stopped, 1 script runs on" in agent.stderr
    assert server.heartbeats[-1]["ending"] == "an operator asked it to end"
    assert server.heartbeats[-1]["accepts_work"] is False
    gate.touch()
    assert finish(server)["exit_code"] == 7


def test_drained_on_its_host_it_takes_no_work_and_ends_after_the_last_script(
    server: FakeServer, agent: AgentProcess, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    started(server, f"while ! [ -e {gate} ]; do sleep 0.05; done; exit 7")
    done = stop(agent, "--drain")
    assert (done.returncode, "takes no new work" in done.stderr) == (0, True)
    wait_until(lambda: server.heartbeats[-1]["accepts_work"] is False, what="the refusal of work")
    assign(server, "s2")
    beats = len(server.heartbeats)
    wait_until(lambda: len(server.heartbeats) > beats + 2, what="beats while it drains")
    assert not agent.folder("s2").path.exists()
    server.assignments.clear()
    gate.touch()
    assert agent.process.wait(20) == EXIT_ENDED
    assert finish(server)["exit_code"] == 7
    assert server.heartbeats[-1]["ending"]


def test_killed_on_its_host_its_scripts_end_at_once(server: FakeServer, agent: AgentProcess) -> None:
    started(server, "trap '' TERM; while :; do sleep 0.1; done")
    assert stop(agent, "--kill").returncode == 0
    assert agent.process.wait(20) == EXIT_ENDED
    assert finish(server)["reason"] == "cancel"
    assert "no script is running" in agent.stderr


def test_a_drain_ends_without_the_server_too(server: FakeServer, agent: AgentProcess) -> None:
    server.stop()
    assert stop(agent, "--drain").returncode == 0
    assert agent.process.wait(30) == EXIT_ENDED


def test_left_as_it_is_it_ends_at_once(agent: AgentProcess) -> None:
    assert holder(agent.state_dir) == agent.process.pid
    assert stop(agent, "--leave").returncode == 0
    assert agent.process.wait(20) == EXIT_STOPPED
    again = stop(agent, "--leave")
    assert (again.returncode, "no main agent is using" in again.stderr) == (1, True)
    assert holder(agent.state_dir) is None


def test_a_stranger_with_the_number_is_not_signalled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number in the lock may be that of another container."""
    with subprocess.Popen(["sleep", "300"]) as stranger:
        (tmp_path / "lock").write_text(f"{stranger.pid}\n")
        with (tmp_path / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert holder(tmp_path) == os.getpid()
            monkeypatch.setattr(stop_module, "pid_of_lock", lambda _: None)
            with pytest.raises(StateDirError, match="not to be seen from here"):
                stop_module.stop(tmp_path, "kill")
        assert stranger.poll() is None
        stranger.kill()


def test_one_that_would_die_of_the_signal_does_not_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A main agent of a version without the signal would end, and its scripts would run on."""
    with subprocess.Popen(["sleep", "300"]) as older:
        monkeypatch.setattr(stop_module, "holder", lambda _: older.pid)
        with pytest.raises(StateDirError, match="does not know --kill"):
            stop_module.stop(tmp_path, "kill")
        assert older.poll() is None
        older.kill()


def test_a_choice_without_stop_is_a_mistake(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "agent_client", "agent", "--drain", "--state-dir", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "goes with `nightshift agent stop`" in done.stderr) == (2, True)
