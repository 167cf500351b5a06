"""A main agent, then the server, stand still for longer than anybody is waited for: nothing is lost or doubled."""

import os
import signal
from pathlib import Path

import pytest

from tests.running import Nightshift
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]
SMALL = {"cpu_cores": 1, "memory_mib": 1024, "gpus": []}
SHORT = {
    "SUSPECT_SECONDS": "1.5",
    "UNREACHABLE_SECONDS": "3",
    "LOST_AFTER_SECONDS": "4",
    "AMNESTY_SECONDS": "5",
    "STALL_SECONDS": "1.5",
}


@pytest.fixture
def site(fresh_nightshift: Nightshift) -> Nightshift:
    fresh_nightshift.settings = SHORT
    fresh_nightshift.restart()
    fresh_nightshift.start_agent(SMALL, name="gpu-1")
    return fresh_nightshift


def counting(site: Nightshift) -> tuple[int, Path]:
    """A task that notes its runs and goes on counting until it is let go."""
    folder = site.folder
    task_id = site.submit(
        f"echo x >> {folder}/runs; while ! [ -e {folder}/go ]; do echo . >> {folder}/ticks; sleep 0.1; done; exit 7"
    )
    site.wait_for(task_id, "running")
    return task_id, folder


def ticks(folder: Path) -> int:
    return (folder / "ticks").stat().st_size


def status_of_host(site: Nightshift) -> str:
    return str(site.get("/api/agents/")["results"][0]["status"])


def let_go(site: Nightshift, task_id: int, folder: Path) -> None:
    (folder / "go").touch()
    ended = site.wait_for(task_id)
    assert (ended["status"], ended["exit_code"], ended["attempt_no"]) == ("failed", 7, 1)
    assert (folder / "runs").read_text() == "x\n"


@pytest.mark.matrix(16)
def test_a_main_agent_that_stands_still_harms_nothing(site: Nightshift) -> None:
    """Its sub agent reports on; longer than a task is waited for, and yet none is lost, nor any started there."""
    task_id, folder = counting(site)
    agent = site.agents[0]
    os.kill(agent.pid, signal.SIGSTOP)
    wait_until(lambda: status_of_host(site) == "offline", 30, "the host to be offline")
    second = site.submit("true")
    before = ticks(folder)
    wait_until(lambda: ticks(folder) > before + 160, 60, "the script to go on")
    assert (site.task(task_id)["status"], site.task(task_id)["badges"]) == ("running", [])
    assert site.task(second)["status"] == "waiting"
    os.kill(agent.pid, signal.SIGCONT)
    wait_until(lambda: status_of_host(site) == "online", 30, "the host to be back")
    let_go(site, task_id, folder)
    assert site.wait_for(second)["status"] == "completed"


@pytest.mark.matrix(19)
def test_a_server_that_stands_still_gives_nobody_up(site: Nightshift) -> None:
    task_id, folder = counting(site)
    assert site.server is not None
    os.kill(site.server.pid, signal.SIGSTOP)
    before = ticks(folder)
    wait_until(lambda: ticks(folder) > before + 200, 60, "the script to go on")
    os.kill(site.server.pid, signal.SIGCONT)
    assert site.task(task_id)["status"] == "running"
    let_go(site, task_id, folder)
    history = site.get(f"/api/agents/{site.get('/api/agents/')['results'][0]['id']}/events/")["results"]
    assert "unreachable" not in [row["verb"] for row in history]
