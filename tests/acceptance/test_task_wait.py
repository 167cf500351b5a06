"""Waiting for the end of tasks on a real server: it hangs, and answers when the end is there."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.running import ROOT, Nightshift

pytestmark = pytest.mark.acceptance


def ask(nightshift: Nightshift, **query: Any) -> Any:
    headers = {"Authorization": f"Bearer {nightshift.token}"}
    reply = requests.get(f"{nightshift.url}/api/tasks/wait/", params=query, headers=headers, timeout=40)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_answers_when_the_end_comes(nightshift: Nightshift) -> None:
    first, second = (nightshift.submit("sleep 600", wait_for_host=True, cpu_cores=900) for _ in range(2))
    with ThreadPoolExecutor() as threads:
        of_any = threads.submit(ask, nightshift, id=f"{first},{second}")
        of_all = threads.submit(ask, nightshift, id=f"{first},{second}", until="all")
        nightshift.post(f"/api/tasks/{first}/cancel/")
        assert of_any.result(20) == {"ended": [first], "completed": [], "open": [second]}
        assert not of_all.done()
        nightshift.post(f"/api/tasks/{second}/cancel/")
        assert of_all.result(20) == {"ended": [first, second], "completed": [], "open": []}


def test_answers_when_its_time_is_over(nightshift: Nightshift) -> None:
    task_id = nightshift.submit("sleep 600", wait_for_host=True, cpu_cores=900)
    assert ask(nightshift, id=task_id, seconds=0.1) == {"ended": [], "completed": [], "open": [task_id]}


def test_the_server_ends_under_those_who_wait(fresh_nightshift: Nightshift) -> None:
    """It does not hold the server up, and the next one lets it wait again."""
    nightshift = fresh_nightshift
    first, second = (nightshift.submit("sleep 600", wait_for_host=True, cpu_cores=900) for _ in range(2))
    command = [sys.executable, "-m", "agent_client", "wait", f"{first},{second}"]
    names = {"NIGHTSHIFT_URL": nightshift.url, "NIGHTSHIFT_TOKEN": nightshift.token}
    environment = {**nightshift.environment(), **names}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stderr is not None
        try:
            nightshift.post(f"/api/tasks/{first}/cancel/")
            assert waiting.stderr.readline() == f"nightshift: task {first}: Canceled.\n"
            nightshift.restart()
            nightshift.post(f"/api/tasks/{second}/cancel/")
            assert waiting.wait(60) == 130
            assert f"task {second}: Canceled." in waiting.stderr.read()
        finally:
            waiting.kill()
