"""Output over the server's limit: head and tail stay, what is missing is known, nobody's memory or disk grows."""

import random
from typing import Any

import pytest

from tests.acceptance.processes import peak_memory_mib
from tests.acceptance.test_output import PeakMemory
from tests.running import AgentProcess, Nightshift

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

MIB = 1 << 20
BODY = random.Random(7).randbytes(MIB - 16)
NUMBERED = """#!/usr/bin/env python3
import os, random, sys
body = random.Random(7).randbytes((1 << 20) - 16)
for number in range({mib}):
    block = b"%015d\\n" % number + body
    while block:
        block = block[os.write(1, block):]
sys.exit(7)
"""


def truth(start: int, stop: int) -> bytes:
    """What the script writes at these positions."""
    first, last = start // MIB, -(-stop // MIB)
    blocks = b"".join(b"%015d\n" % number + BODY for number in range(first, last))
    return blocks[start - first * MIB : stop - first * MIB]


def log_of(nightshift: Nightshift, task_id: int) -> Any:
    (attempt,) = nightshift.get(f"/api/tasks/{task_id}/sub-agents/")["results"]
    return attempt["logs"][0] if attempt["logs"] else {"size": 0, "state": "open", "gaps": []}


def kept(log: Any) -> list[tuple[int, int]]:
    starts = [0, *(gap["stop"] for gap in log["gaps"])]
    stops = [*(gap["start"] for gap in log["gaps"]), log["size"]]
    return [(start, stop) for start, stop in zip(starts, stops, strict=True) if start < stop]


def check_what_is_kept(nightshift: Nightshift, task_id: int, log: Any) -> None:
    """Byte for byte, at the true positions."""
    for start, stop in kept(log):
        while start < stop:
            reply = nightshift.http.get(
                f"{nightshift.url}/api/tasks/{task_id}/log", headers={"Range": f"bytes={start}-"}, timeout=60
            )
            assert reply.headers["Content-Range"].startswith(f"bytes {start}-")
            assert reply.content == truth(start, start + len(reply.content)), f"other bytes at {start}"
            start += len(reply.content)


def disk_mib(nightshift: Nightshift, task_id: int) -> float:
    folder = nightshift.data_dir / "logs" / "tasks" / str(task_id)
    return sum(path.stat().st_blocks * 512 for path in folder.iterdir()) / MIB


def run_and_check(nightshift: Nightshift, agent: AgentProcess, mib: int, most_mib: int) -> None:
    assert nightshift.server is not None
    server_before = peak_memory_mib(nightshift.server.pid)
    task_id = nightshift.submit(NUMBERED.format(mib=mib))
    memory = PeakMemory(agent, task_id)
    memory.start()
    task = nightshift.wait_for(task_id, seconds=120)
    assert (task["status"], task["exit_code"]) == ("failed", 7)
    nightshift.wait_for_log(task_id, seconds=120)
    memory.ended.set()
    memory.join()
    log = log_of(nightshift, task_id)
    runs = kept(log)
    assert (log["state"], log["size"]) == ("complete", mib * MIB)
    assert runs[0] == (0, max(runs[0][1], most_mib * MIB * 3 // 4)), "the head is not whole"
    assert runs[-1] == (min(runs[-1][0], mib * MIB - most_mib * MIB // 4 + MIB), mib * MIB), "the tail is not whole"
    assert {gap["reason"] for gap in log["gaps"]} == {"cap"}
    check_what_is_kept(nightshift, task_id, log)
    assert disk_mib(nightshift, task_id) < most_mib * 1.3 + 2
    assert peak_memory_mib(nightshift.server.pid) - server_before < 100, "the server's memory grew with the output"
    assert 0 < memory.peak < 100, "the sub agent's memory grew with the output"
    assert peak_memory_mib(agent.pid) < 150, "the main agent's memory grew with the output"


@pytest.mark.matrix(42)
def test_much_output_in_a_moment(idle_nightshift: Nightshift) -> None:
    idle_nightshift.settings["LOG_MAX_MIB"] = "4"
    idle_nightshift.start()
    run_and_check(idle_nightshift, idle_nightshift.start_agent(), mib=64, most_mib=4)


@pytest.mark.slow
@pytest.mark.matrix(42)
def test_a_gib_of_output_in_seconds(nightshift: Nightshift) -> None:
    run_and_check(nightshift, nightshift.start_agent(), mib=1024, most_mib=64)
