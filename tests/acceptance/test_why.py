"""Two full hosts and real commands: why a task waits, who has to end, and that a dry run leaves nothing."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.running import ROOT, Nightshift
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

HOST = {"cpu_cores": 4, "memory_mib": 8192}


def command_line(site: Nightshift, *words: str, status: int = 0) -> str:
    env = site.environment() | {"NIGHTSHIFT_URL": site.url, "NIGHTSHIFT_TOKEN": site.token}
    code = "from agent_client.cli.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def in_json(site: Nightshift, *words: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(command_line(site, *words, "--json"))
    return answer


def test_the_task_that_has_to_end_is_named(fresh_nightshift: Nightshift) -> None:
    site = fresh_nightshift
    gate = site.folder / "gate"
    holders = {}
    for name, limit in (("early", 1200), ("late", 7200)):
        site.start_agent(HOST, name=name)
        script = f"while [ ! -e {gate}-{name} ]; do sleep 0.05; done\n"
        holders[name] = site.submit(script, cpu_cores=4, time_limit_seconds=limit, hosts=[name])
        site.wait_for(holders[name], "running")
    waits = site.submit("true\n", cpu_cores=2)
    wait_until(lambda: " when #" in site.task(waits)["waiting_sentence"], what="who has to end")
    answer = in_json(site, "why", str(waits))
    assert f"in about 20 min when #{holders['early']} ends" in answer["sentence"]
    assert (answer["starts_on"], answer["basis"]) == (["early"], "from time limits")
    assert {row["host"]: row["after"] for row in answer["hosts"]} == {
        name: f"#{task_id}" for name, task_id in holders.items()
    }
    assert site.task(waits)["waiting_sentence"] in answer["sentence"]
    text = command_line(site, "why", str(waits))
    assert f"when #{holders['early']} ends" in text

    before = site.get("/api/tasks/ids/")["max_id"]
    tried = command_line(site, "submit", "--test-only", "--wrap", "true", "-c", "4", "--host", "late")
    assert f"when #{holders['late']} ends" in tried
    refused = command_line(site, "submit", "--test-only", "--wrap", "true", "-c", "64", status=1)
    assert "--cpus" in refused
    assert site.get("/api/tasks/ids/")["max_id"] == before

    (site.folder / "gate-early").touch()
    assert site.wait_for(waits)["agent_name"] == "early"
    assert command_line(site, "why", str(waits)) == f"#{waits} does not wait: it is completed.\n"
    (site.folder / "gate-late").touch()
