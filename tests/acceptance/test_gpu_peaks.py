"""A task that uses more of a shared card than it asked for: what it was seen to use is booked. Real agents, declared
cards."""

import json
from pathlib import Path

import pytest

from tests.running import Nightshift
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

GIB = 1024
CARD = {"name": "NVIDIA A40", "memory_mib": 48 * GIB}


def write_use(path: Path, task_id: int, gib: int) -> None:
    beside = path.with_suffix(".new")
    task = {"task_id": task_id, "gpus": [{"index": 0, "memory_mib": gib * GIB}]}
    beside.write_text(json.dumps({"gpus": [{"outsiders_mib": 0}], "tasks": [task]}))
    beside.replace(path)


def used_by(nightshift: Nightshift, task_id: int) -> int | None:
    (host,) = nightshift.get("/api/agents/")["results"]
    rows = [sub["gpu_info"] for sub in host["sub_agents"] if sub["task_id"] == task_id]
    return rows[0][0]["memory_used_mib"] if rows and rows[0] else None


def test_the_peak_is_booked_and_stays_booked(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    usage, gate = nightshift.folder / "usage.json", nightshift.folder / "gate"
    declared = {"cpu_cores": 8, "memory_mib": 65536, "gpus": [CARD], "usage_file": usage.name}
    nightshift.start_agent(declared, name="gpu-machine")
    share = {"gpu_count": 1, "gpu_share": True}
    greedy = nightshift.submit(f"while [ ! -e {gate} ]; do sleep 0.2; done\n", **share, gpu_memory=6 * GIB)
    nightshift.wait_for(greedy, "running")
    for gib in (40, 1):
        write_use(usage, greedy, gib)
        wait_until(lambda gib=gib: used_by(nightshift, greedy) == gib * GIB, 30, f"the use of {gib} GiB to be shown")
    large = nightshift.submit("true\n", **share, gpu_memory=20 * GIB)
    small = nightshift.submit("true\n", **share, gpu_memory=8 * GIB)
    assert nightshift.wait_for(small)["status"] == "completed"  # 40 + 8 fit; the pass that saw it saw the older one
    assert nightshift.task(large)["status"] == "waiting"
    gate.touch()
    assert nightshift.wait_for(large)["status"] == "completed"
