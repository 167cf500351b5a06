"""A card is kept for somebody: others go elsewhere, his task runs on it, and its end gives it back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.running import Nightshift
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

GPU_HOST = {
    "cpu_cores": 8,
    "memory_mib": 32768,
    "gpus": [{"name": "Declared GPU", "memory_mib": 12288} for _ in range(2)],
}
WAIT_FOR_FILE = "while [ ! -e {file} ]; do sleep 0.05; done\necho $CUDA_VISIBLE_DEVICES\n"


def reservation_that_is(nightshift: Nightshift, number: int, state: str) -> Any:
    def found() -> Any:
        row = nightshift.get(f"/api/reservations/{number}/")
        return row if row["state"] == state else None

    return wait_until(found, 30, f"reservation {number} to be {state}")


def test_keep_card_1_for_me(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    nightshift.start_agent(GPU_HOST, name="gpu-1")
    gate = nightshift.folder / "gate"
    script = WAIT_FOR_FILE.format(file=gate)
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    made = nightshift.post("/api/reservations/", {"hosts": ["gpu-1"], "gpu_indices": [1], "until": until})
    reservation_that_is(nightshift, made["id"], "active")

    others = [nightshift.submit(script, gpu_count=1) for _ in range(2)]
    mine = nightshift.submit(script, gpu_count=1, reservation=made["id"])
    assert nightshift.wait_for(mine, "running")["gpu_indexes"] == [1]
    assert nightshift.wait_for(others[0], "running")["gpu_indexes"] == [0]
    assert nightshift.task(others[1])["status"] == "waiting"

    nightshift.restart()
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    reply = nightshift.http.patch(f"{nightshift.url}/api/reservations/{made['id']}/", json={"until": soon}, timeout=30)
    assert reply.ok
    reservation_that_is(nightshift, made["id"], "expired")
    assert nightshift.task(mine)["status"] == "running"
    gate.touch()
    for task_id in (mine, *others):
        assert nightshift.wait_for(task_id)["status"] == "completed"
    nightshift.wait_for_log(mine)
    assert nightshift.log(mine).strip() == b"1"


def test_the_card_is_granted_when_the_task_on_it_ends(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    nightshift.start_agent(GPU_HOST, name="gpu-1")
    gate = nightshift.folder / "gate"
    holder = nightshift.submit(WAIT_FOR_FILE.format(file=gate), gpu_count=2)
    nightshift.wait_for(holder, "running")
    body = {"hosts": ["gpu-1"], "gpu_indices": [1], "duration_seconds": 600}
    made = nightshift.post("/api/reservations/", body)
    assert made["state"] == "pending"
    assert f"when #{holder} ends" in made["sentence"]
    mine = nightshift.submit("echo $CUDA_VISIBLE_DEVICES\n", gpu_count=1, reservation=made["id"])
    gate.touch()
    granted = reservation_that_is(nightshift, made["id"], "active")
    assert [card["index"] for card in granted["gpus"]] == [1]
    assert nightshift.wait_for(mine)["gpu_indexes"] == [1]
