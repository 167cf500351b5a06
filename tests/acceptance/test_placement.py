"""Where real tasks run: resources are respected, cards are pinned, a burst makes no false state."""

import pytest

from tests.running import Nightshift
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

CPU_HOST = {"cpu_cores": 16, "memory_mib": 65536}
GPU_HOST = {
    "cpu_cores": 32,
    "memory_mib": 131072,
    "gpus": [{"name": "Declared GPU", "memory_mib": 12288} for _ in range(4)],
}
WAIT_FOR_FILE = "while [ ! -e {file} ]; do sleep 0.05; done\n"


def test_the_seeds_two_machines(fresh_nightshift: Nightshift) -> None:
    """Seed 000: task_1 goes to the CPU host, task_2 to the GPU host."""
    nightshift = fresh_nightshift
    nightshift.start_agent(CPU_HOST, name="cpu-machine")
    nightshift.start_agent(GPU_HOST, name="gpu-machine")
    first = nightshift.submit("true\n", cpu_cores=4, memory_mib=8192)
    second = nightshift.submit(
        "echo $CUDA_VISIBLE_DEVICES\n", cpu_cores=8, memory_mib=16384, gpu_count=1, gpu_memory=12288
    )
    assert nightshift.wait_for(first)["agent_name"] == "cpu-machine"
    assert nightshift.wait_for(second)["agent_name"] == "gpu-machine"
    nightshift.wait_for_log(second)
    assert nightshift.log(second).strip() in {b"0", b"1", b"2", b"3"}


def test_cards_are_pinned_and_never_shared_unasked(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    nightshift.start_agent(GPU_HOST, name="gpu-machine")
    gate = nightshift.folder / "gate"
    script = "echo $CUDA_VISIBLE_DEVICES\n" + WAIT_FOR_FILE.format(file=gate)
    holders = [nightshift.submit(script, gpu_count=2) for _ in range(2)]
    last = nightshift.submit("echo $CUDA_VISIBLE_DEVICES\n", gpu_count=1)
    for task_id in holders:
        nightshift.wait_for(task_id, "running")
    wait_until(lambda: "0 such GPUs free" in nightshift.task(last)["waiting_sentence"], what="the reason")
    assert nightshift.task(last)["status"] == "waiting"
    cards = [nightshift.task(task_id)["gpu_indexes"] for task_id in holders]
    assert sorted(cards[0] + cards[1]) == [0, 1, 2, 3]
    gate.touch()
    assert nightshift.wait_for(last)["status"] == "completed"
    for task_id, indexes in zip(holders, cards, strict=True):
        nightshift.wait_for(task_id)
        nightshift.wait_for_log(task_id)
        assert nightshift.log(task_id).decode().strip() == ",".join(str(index) for index in indexes)


def test_cores_are_never_booked_twice(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    nightshift.start_agent({"cpu_cores": 2, "memory_mib": 4096})
    gate = nightshift.folder / "gate"
    held = [nightshift.submit(WAIT_FOR_FILE.format(file=gate), cpu_cores=1.5) for _ in range(3)]
    nightshift.wait_for(held[0], "running")
    small = nightshift.submit("true\n", cpu_cores=0.5)
    assert nightshift.wait_for(small)["status"] == "completed"
    assert [nightshift.task(task_id)["status"] for task_id in held] == ["running", "waiting", "waiting"]
    gate.touch()
    for task_id in held:
        assert nightshift.wait_for(task_id)["status"] == "completed"


def test_priority_decides_who_starts_first(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    ids = {priority: nightshift.submit("true\n", cpu_cores=1, priority=priority) for priority in (5, 3, 1, 4, 2)}
    nightshift.start_agent({"cpu_cores": 1, "memory_mib": 1024})
    starts = {priority: nightshift.wait_for(task_id)["start_time"] for priority, task_id in ids.items()}
    assert sorted(starts, key=lambda priority: starts[priority]) == [1, 2, 3, 4, 5]


def test_a_hundred_at_once(fresh_nightshift: Nightshift) -> None:
    """No false state on the way: each task is seen to go forward only, and each runs exactly once."""
    nightshift = fresh_nightshift
    nightshift.start_agent({"cpu_cores": 4, "memory_mib": 4096})
    order = ["blocked", "waiting", "running", "completed"]
    ids = [nightshift.submit("true\n") for _ in range(100)]
    seen = dict.fromkeys(ids, 0)

    def all_done() -> bool:
        rows = nightshift.get("/api/tasks/?page_size=200")["results"]
        for row in rows:
            step = order.index(row["status"])
            assert step >= seen[row["id"]], f"task {row['id']} went back to {row['status']}"
            seen[row["id"]] = step
        return all(step == 3 for step in seen.values())

    wait_until(all_done, 120, "a hundred tasks to complete")
    for row in nightshift.get("/api/tasks/?page_size=200")["results"]:
        assert (row["attempt_no"], row["exit_code"]) == (1, 0)


def test_own_helpers_are_importable(idle_nightshift: Nightshift) -> None:
    nightshift = idle_nightshift
    helpers = nightshift.folder / "user_code"
    helpers.mkdir()
    (helpers / "my_helpers.py").write_text("ANSWER = 42\n")
    nightshift.settings["USER_CODE_DIR"] = str(helpers)
    nightshift.start()
    nightshift.start_agent()
    task_id = nightshift.submit("#!/usr/bin/env python3\nimport my_helpers\nprint(my_helpers.ANSWER)\n")
    nightshift.wait_for(task_id)
    nightshift.wait_for_log(task_id)
    assert nightshift.log(task_id) == b"42\n"
