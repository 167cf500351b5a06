"""Several tasks on one card, and cards that somebody outside Nightshift uses: real agents, declared cards."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.running import Nightshift
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

GIB = 1024
TWO_CARDS = {
    "cpu_cores": 64,
    "memory_mib": 262144,
    "gpus": [{"name": "NVIDIA A40", "memory_mib": 48 * GIB} for _ in range(2)],
}
WAIT_FOR_FILE = "while [ ! -e {file} ]; do sleep 0.2; done\n"


def share(gib: int) -> dict[str, Any]:
    return {"gpu_count": 1, "gpu_share": True, "gpu_memory": gib * GIB, "cpu_cores": 1}


def running(nightshift: Nightshift) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = nightshift.get("/api/tasks/?status=running&page_size=100")["results"]
    return rows


def booked_gib(rows: list[dict[str, Any]], gib: int) -> Counter[int]:
    return Counter(index for row in rows for index in row["gpu_indexes"] for _ in range(gib))


def test_forty_tasks_of_6_gib_share_two_cards_of_48(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    nightshift.start_agent(TWO_CARDS, name="gpu-machine")
    gate = nightshift.folder / "gate"
    script = "echo card $CUDA_VISIBLE_DEVICES\n" + WAIT_FOR_FILE.format(file=gate)
    ids = [nightshift.submit(script, **share(6)) for _ in range(40)]
    wait_until(lambda: len(running(nightshift)) == 16, 60, "sixteen tasks to run")
    assert booked_gib(running(nightshift), 6) == {0: 48, 1: 48}
    waiting = nightshift.get("/api/tasks/?status=waiting&page_size=100")["results"]
    assert len(waiting) == 24
    gate.touch()

    def all_ended() -> bool:
        rows = running(nightshift)
        assert all(gib <= 48 for gib in booked_gib(rows, 6).values()), "a card is booked beyond its 48 GiB"
        return bool(nightshift.get("/api/tasks/?status=completed&page_size=100")["count"] == 40)

    wait_until(all_ended, 120, "forty tasks to complete")
    for task_id in ids:
        assert nightshift.task(task_id)["attempt_no"] == 1


def write_usage(path: Path, *outsiders_gib: int) -> None:
    """What others use of each card, as the main agent's probe will see it; put in place at once."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps({"gpus": [{"outsiders_mib": gib * GIB} for gib in outsiders_gib]}))
    beside.replace(path)


def used_mib(nightshift: Nightshift, index: int) -> int:
    (host,) = nightshift.get("/api/agents/")["results"]
    return int(host["gpu_info"][index]["memory_used_mib"] or 0)


def test_a_card_that_an_outsider_uses_is_avoided(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    usage = nightshift.folder / "usage.json"
    write_usage(usage, 0, 0)
    nightshift.start_agent({**TWO_CARDS, "usage_file": usage.name}, name="gpu-machine")
    gate = nightshift.folder / "gate"
    script = WAIT_FOR_FILE.format(file=gate)
    write_usage(usage, 30, 0)
    wait_until(lambda: used_mib(nightshift, 0) == 30 * GIB, 30, "a heartbeat with the outsider's 30 GiB")
    first, second = (nightshift.submit(script, **share(20)) for _ in range(2))
    assert nightshift.wait_for(first, "running")["gpu_indexes"] == [1]
    assert nightshift.wait_for(second, "running")["gpu_indexes"] == [1]
    third = nightshift.submit(script, **share(20))
    whole = nightshift.submit(script, gpu_count=1)

    def says_outside(task_id: int) -> bool:
        return "outside Nightshift" in nightshift.task(task_id)["waiting_sentence"]

    wait_until(lambda: says_outside(third) and says_outside(whole), 30, "the sentences to name the outsider")
    assert nightshift.wait_for(nightshift.submit("true\n", **share(18)))["gpu_indexes"] == [0]
    write_usage(usage, 0, 0)
    assert nightshift.wait_for(third, "running")["gpu_indexes"] == [0]
    gate.touch()
    for task_id in (first, second, third, whole):
        assert nightshift.wait_for(task_id)["status"] == "completed"
