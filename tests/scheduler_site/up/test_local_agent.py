import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler_site.up.local_agent import LocalAgent
from tests.waiting import wait_until

HOLD = (
    "import fcntl, os, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); f.write(str(os.getpid()));"
    "f.flush(); print('held', flush=True); input()"
)


def local_agent(folder: Path, *command: str) -> LocalAgent:
    return LocalAgent(command, folder / "agent.log", folder)


def test_a_left_over_agent_is_watched_and_not_fought(tmp_path: Path) -> None:
    agent = local_agent(tmp_path, "/nonexistent")
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        agent.tend()
        assert agent.process is None
    with pytest.raises(FileNotFoundError):
        agent.tend()


def test_a_left_over_agent_is_asked_to_stop_by_the_number_in_its_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    local_agent(tmp_path, "/nonexistent").ask_to_stop()
    assert holder.wait(20) == -signal.SIGTERM
    holder.communicate()


def test_an_agent_that_was_told_to_end_is_not_started_again(tmp_path: Path) -> None:
    agent = local_agent(tmp_path, sys.executable, "-c", "raise SystemExit(5)")
    agent.start()
    wait_until(lambda: agent.tend() or agent.ends, what="its end")
    agent._start_after = 0.0
    agent.tend()
    assert agent.is_over
    assert not agent.is_running()
