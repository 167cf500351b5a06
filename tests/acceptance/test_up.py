"""`manage.py up` as a user runs it: one link, a first task without any question, restarts, a clean end."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.running import ROOT, Process, Site, copy_of, end_scripts, environment, free_port, start_process
from tests.waiting import wait_until

pytestmark = pytest.mark.acceptance
LINK = re.compile(r"http://\S+/enter/\S+")
READY_SECONDS = 90.0


@dataclass
class Up:
    folder: Path
    port: int = field(default_factory=free_port)
    runs: list[Process] = field(default_factory=list)

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        base = environment(self.data_dir, self.port)
        return {**base, "XDG_CONFIG_HOME": str(self.folder / "config"), "HOME": str(self.folder)}

    def start(self) -> Process:
        """Running, its link printed."""
        run = self.attempt()
        assert run.is_alive(), run.output()
        return run

    def attempt(self) -> Process:
        """Running, or ended."""
        log = self.folder / f"up-{len(self.runs)}.out"
        run = Process(start_process([sys.executable, "manage.py", "up"], log, self.environment()), log)
        self.runs.append(run)
        wait_until(lambda: LINK.search(run.output()) or not run.is_alive(), READY_SECONDS, "the link")
        return run

    def cli(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "agent_client", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment(), capture_output=True, text=True, check=False, timeout=90
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def child(self, run: Process, words: str) -> psutil.Process:
        def find() -> psutil.Process | None:
            children = psutil.Process(run.pid).children()
            return next((child for child in children if words in " ".join(child.cmdline())), None)

        found = wait_until(find, 30, f"a child with {words}")
        assert found is not None
        return found

    def is_well(self) -> bool:
        try:
            return requests.get(f"{self.url}/health/", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def show(self, task_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.cli("show", task_id, "--json"))
        return shown


@pytest.fixture
def new_up(tmp_path: Path) -> Iterator[Up]:
    """With an empty data folder."""
    one = Up(tmp_path)
    yield one
    for run in one.runs:
        run.stop()
    end_scripts(one.data_dir / "agent" / "state")


@pytest.fixture
def up(new_up: Up, prepared: Site) -> Up:
    """With tables and static files, as every start but the first finds them."""
    copy_of(prepared, new_up.data_dir)
    return new_up


def test_from_nothing_to_a_finished_task_without_a_question(new_up: Up) -> None:
    up = new_up
    run = up.start()
    assert len(LINK.findall(run.output())) == 1
    assert "Traceback" not in run.output()
    task_id = up.cli("submit", "--wrap", "echo hello from $TASK_ID")
    up.cli("wait", task_id)
    assert up.cli("logs", task_id) == f"hello from {task_id}"
    session = requests.Session()
    link = LINK.search(run.output())
    assert link is not None
    landed = session.get(link.group(), timeout=30)
    assert landed.url == f"{up.url}/tasks/"
    assert landed.status_code == 200
    assert requests.get(link.group(), timeout=30).status_code == 403
    assert link.group().rpartition("/")[2] not in (up.data_dir / "logs" / "system" / "server.log").read_text()
    run.child.send_signal(signal.SIGINT)
    assert run.child.wait(30) == 0
    assert "No script is running" in run.output()
    assert not up.is_well()


def test_a_second_start_prints_a_link_and_leaves_the_first_alone(up: Up) -> None:
    first = up.start()
    second = up.attempt()
    assert second.child.wait(60) == 0
    link = LINK.search(second.output())
    assert link is not None
    assert "running already" in second.output()
    assert requests.get(link.group(), timeout=30).status_code == 200
    assert first.is_alive()


def test_a_killed_server_comes_back_and_the_script_runs_on(up: Up) -> None:
    run = up.start()
    task_id = up.cli("submit", "--wrap", "for i in $(seq 40); do echo line $i; sleep 0.1; done")
    wait_until(lambda: up.show(task_id)["status"] == "running", 30, "the script to run")
    server = up.child(run, "serve")
    server.kill()
    server.wait(10)
    wait_until(up.is_well, 30, "the server to be back")
    up.cli("wait", task_id)
    assert up.cli("logs", task_id) == "\n".join(f"line {number}" for number in range(1, 41))
    assert up.show(task_id)["attempt_no"] == 1
    assert run.is_alive()


def test_scripts_outlive_the_end_and_the_next_start_takes_them_up(up: Up) -> None:
    run = up.start()
    flag = up.folder / "go"
    task_id = up.cli("submit", "--wrap", f"echo before; until [ -e {flag} ]; do sleep 0.1; done; echo after")
    wait_until(lambda: up.show(task_id)["status"] == "running", 30, "the script to run")
    assert run.stop() == 0
    assert "1 script runs on" in run.output()
    assert f"cancel {task_id}" in run.output()
    flag.touch()
    up.start()
    up.cli("wait", task_id)
    assert up.cli("logs", task_id) == "before\nafter"
    assert up.show(task_id)["attempt_no"] == 1


def test_children_end_when_up_is_killed(up: Up) -> None:
    run = up.start()
    children = [up.child(run, "serve"), up.child(run, "agent_client")]
    run.kill()
    wait_until(lambda: not any(child.is_running() for child in children), 30, "both children to end")
    again = up.start()
    assert again.is_alive()
    assert up.is_well()


def test_a_left_over_main_agent_is_taken_as_it_is(up: Up) -> None:
    state_dir = up.data_dir / "agent" / "state"
    first = up.start()
    wait_until((state_dir / "agent.json").exists, 30, "the local agent to be enrolled")
    first.stop()
    command = [sys.executable, "-m", "agent_client", "agent", "--server", up.url]
    command += ["--state-dir", str(state_dir)]
    log = up.folder / "left-over.out"
    left_over = Process(start_process(command, log, up.environment()), log)
    up.runs.append(left_over)
    wait_until(lambda: (state_dir / "lock").read_text().strip() == str(left_over.pid), 30, "its lock")
    run = up.start()
    up.cli("wait", up.cli("submit", "--wrap", "true"))
    assert not [child for child in psutil.Process(run.pid).children() if "agent_client" in " ".join(child.cmdline())]
    assert left_over.is_alive()
    assert run.stop() == 0
    assert left_over.child.wait(20) == 0


def test_a_taken_port_is_one_sentence(up: Up, tmp_path: Path) -> None:
    first = up.start()
    other = Up(tmp_path / "other", port=up.port)
    other.folder.mkdir()
    run = other.attempt()
    assert run.child.wait(30) == 1
    assert f"Port {up.port} on 127.0.0.1 is taken" in run.output()
    assert "Traceback" not in run.output()
    assert first.is_alive()


def test_the_profile_of_the_command_line_is_private(up: Up) -> None:
    up.start()
    profile = up.folder / "config" / "nightshift" / "client.json"
    assert profile.stat().st_mode & 0o077 == 0
    assert json.loads(profile.read_text())["current"] == up.url
    assert os.access(profile, os.R_OK)
