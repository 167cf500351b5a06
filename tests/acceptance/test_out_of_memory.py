"""A task that shares a GPU runs out of its memory and gets more by itself. Real agents, a declared card."""

import json
from pathlib import Path

import pytest

from tests.running import Nightshift
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

GIB = 1024
SCRIPT = """
while [ ! -e {gate} ]; do sleep 0.1; done
if [ "$TASK_ATTEMPT" = 1 ]; then
  echo 'Traceback (most recent call last):'
  echo 'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 4.00 GiB. GPU 0 has a total capacity of 44 GiB'
  exit 1
fi
echo fine now
"""


def write_use(path: Path, task_id: int, mib: int) -> None:
    beside = path.with_suffix(".new")
    task = {"task_id": task_id, "gpus": [{"index": 0, "memory_mib": mib}]}
    beside.write_text(json.dumps({"gpus": [{"outsiders_mib": 0}], "tasks": [task]}))
    beside.replace(path)


def test_a_shared_card_that_was_too_small_is_taken_larger_the_next_time(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    usage, gate = nightshift.folder / "usage.json", nightshift.folder / "gate"
    card = {"name": "NVIDIA A40", "memory_mib": 48 * GIB}
    nightshift.start_agent(
        {"cpu_cores": 8, "memory_mib": 65536, "gpus": [card], "usage_file": usage.name}, name="gpu-machine"
    )
    wishes = {"gpu_count": 1, "gpu_share": True, "gpu_memory": 8 * GIB, "retries": 1, "oom_memory_factor": 1.5}
    task_id = nightshift.submit(SCRIPT.format(gate=gate), **wishes)
    nightshift.wait_for(task_id, "running")
    write_use(usage, task_id, 11673)
    wait_until(lambda: _is_seen(nightshift, 11673), 30, "the use to be shown")
    gate.touch()
    task = nightshift.wait_for(task_id)
    assert (task["status"], task["attempt_no"], task["retries_used"]) == ("completed", 2, 1)
    assert (task["gpu_memory"], task["grown"]) == (8 * GIB, {"gpu_memory": 12 * GIB})
    latest, first = nightshift.get(f"/api/tasks/{task_id}/sub-agents/")["results"]
    assert (first["end_reason"], latest["end_reason"]) == ("oom", "exit")
    assert first["end_detail"].startswith("Out of GPU memory: asked 8 GiB, saw 11.4 GiB. The output says: torch.OutOf")
    history = nightshift.get(f"/api/tasks/{task_id}/events/")["results"]
    assert "GPU memory 8 GiB → 12 GiB" in [event["reason"] for event in history if event["verb"] == "grown"]


def _is_seen(nightshift: Nightshift, mib: int) -> bool:
    (host,) = nightshift.get("/api/agents/")["results"]
    return any(card["memory_used_mib"] == mib for sub in host["sub_agents"] for card in sub["gpu_info"])
