"""Loops of a real server that raise: red while they do, tried again, and green as soon as they turn."""

import sys
from pathlib import Path

import pytest
import requests

from tests.running import Nightshift, Process, Site, start_process
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(240)]

LOOPS = ("reaper", "scheduling")


@pytest.mark.matrix(14)
def test_dead_loops_are_red_and_come_back(prepared: Site, tmp_path: Path) -> None:
    orders = {"FAILPOINTS": "reaper.turn=raise; scheduling.turn=raise"}
    nightshift = Nightshift(prepared, tmp_path / "nightshift", orders)
    try:
        start_without_waiting(nightshift)
        wait_until(lambda: all(failures(nightshift, name) >= 2 for name in LOOPS), 60, "both loops to be tried again")
        assert nightshift.get("/api/tasks/")["results"] == []  # all else answers
        nightshift.settings = {"FAILPOINTS": "reaper.turn=raise@3; scheduling.turn=raise@3"}
        nightshift.restart()
        server = nightshift.server
        assert server is not None
        for name in LOOPS:
            wait_until(lambda: f"loop_recovered loop={name}" in server.output(), 60, f"{name} to recover")  # noqa: B023
        nightshift.start_agent()
        assert nightshift.wait_for(nightshift.submit("true\n"))["status"] == "completed"
        assert requests.get(f"{nightshift.url}/health/", timeout=5).status_code == 200
    finally:
        nightshift.stop()


def start_without_waiting(nightshift: Nightshift) -> None:
    log = nightshift.folder / "server.out"
    child = start_process([sys.executable, "manage.py", "serve"], log, nightshift.environment())
    nightshift.server = Process(child, log)


def failures(nightshift: Nightshift, name: str) -> int:
    """How often the loop failed in a row; 0 while the page is not there or green."""
    try:
        reply = requests.get(f"{nightshift.url}/health/", timeout=5)
    except requests.RequestException:
        return 0
    report = reply.json()["loops"].get(name, {"failures": 0})
    return int(report["failures"]) if reply.status_code == 503 else 0
