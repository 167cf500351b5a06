"""A copied state directory: its agent does no work twice and spoils nothing, and the host is put in quarantine."""

import shutil

import pytest

from tests.running import Nightshift
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]
SMALL = {"cpu_cores": 2, "memory_mib": 1024, "gpus": []}


@pytest.mark.matrix(63)
def test_a_clone_of_a_host_is_quarantined_and_the_script_runs_once(fresh_nightshift: Nightshift) -> None:
    site = fresh_nightshift
    original = site.start_agent(SMALL, name="gpu-1")
    folder = site.folder
    script = f"echo x >> {folder}/runs; while ! [ -e {folder}/go ]; do sleep 0.1; done; exit 7"
    task_id = site.submit(script)
    site.wait_for(task_id, "running")
    copy = folder / "agents" / "copy"
    shutil.copytree(original.state_dir, copy, ignore=shutil.ignore_patterns("relay"))  # no file, but a socket
    site.start_agent(SMALL, name="copy", state_dir=copy, wait=False)
    wait_until(lambda: host(site)["quarantine_reason"] != "", 60, "the quarantine")
    second = site.submit("true")
    assert site.task(task_id)["status"] == "running"
    (folder / "go").touch()
    ended = site.wait_for(task_id)
    assert (ended["status"], ended["exit_code"]) == ("failed", 7)
    assert (folder / "runs").read_text() == "x\n"
    assert site.task(second)["status"] == "waiting"
    site.agents[-1].stop()
    site.post(f"/api/agents/{host(site)['id']}/end-quarantine/", {"reason": "the copy is off"})
    assert site.wait_for(second)["status"] == "completed"


def host(site: Nightshift) -> dict[str, str]:
    (found,) = site.get("/api/agents/")["results"]
    return dict(found)
