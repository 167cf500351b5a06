"""Gangs of two real main agents with declared machines: they meet over TCP, fail together, and never start alone."""

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import is_running, script_pid
from tests.running import AgentProcess, Nightshift
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

MACHINE = {"cpu_cores": 4, "memory_mib": 8192}
MEET = """#!/usr/bin/env python3
import os, socket
env = os.environ
rank, where = int(env["NIGHTSHIFT_RANK"]), (env["MASTER_ADDR"], int(env["MASTER_PORT"]))
print("rank", rank, "of", env["WORLD_SIZE"], "meets at", *where, "with", env["NIGHTSHIFT_NODE_NAMES"], flush=True)
if rank == 0:
    with socket.create_server(where) as server:
        peer, _ = server.accept()
    with peer:
        print("heard", peer.recv(100).decode(), flush=True)
        peer.sendall(b"rank 0")
else:
    while True:
        try:
            peer = socket.create_connection(where)
            break
        except ConnectionRefusedError:
            pass
    with peer:
        peer.sendall(b"rank 1")
        print("heard", peer.recv(100).decode(), flush=True)
"""
LEADER_WAITS = """if [ "$NODE_RANK" = 1 ]; then while [ ! -e {gate} ]; do sleep 0.05; done; exit 1; fi
touch {gate}; exec sleep 600
"""


def two_hosts(nightshift: Nightshift) -> list[AgentProcess]:
    return [nightshift.start_agent(MACHINE, name=f"gang-{number}") for number in (1, 2)]


def log_of(nightshift: Nightshift, task_id: int, rank: int) -> str:
    reply = nightshift.http.get(f"{nightshift.url}/api/tasks/{task_id}/log?rank={rank}", timeout=30)
    assert reply.ok, reply.text
    return reply.text


def test_both_ranks_meet(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    two_hosts(nightshift)
    task_id = nightshift.submit(MEET, node_count=2, whole_host=True)
    ended = nightshift.wait_for(task_id)
    assert ended["status"] == "completed", ended
    wait_until(lambda: "heard rank 1" in log_of(nightshift, task_id, 0), 30, "the leader's output")
    wait_until(lambda: "heard rank 0" in log_of(nightshift, task_id, 1), 30, "the other's output")
    first, second = (log_of(nightshift, task_id, rank).splitlines()[0].split() for rank in (0, 1))
    assert (first[:4], second[:4]) == (["rank", "0", "of", "2"], ["rank", "1", "of", "2"])
    assert first[4:] == second[4:]
    assert first[6] == "127.0.0.1"
    assert sorted(first[-1].split(",")) == ["gang-1", "gang-2"]


def test_one_that_fails_ends_the_other(fresh_nightshift: Nightshift, tmp_path: Path) -> None:
    nightshift = fresh_nightshift
    agents = two_hosts(nightshift)
    task_id = nightshift.submit(LEADER_WAITS.format(gate=tmp_path / "gate"), node_count=2, grace_seconds=1)
    ended = nightshift.wait_for(task_id)
    assert (ended["status"], ended["exit_code"]) == ("failed", 1)
    name = by_rank(nightshift, task_id)[1]["agent_name"]
    assert ended["end_sentence"] == f"Rank 1 on {name} failed: exit code 1."
    assert by_rank(nightshift, task_id)[0]["end_detail"] == f"Stopped, because rank 1 on {name} failed: exit code 1."
    pids = [script_pid(agent, task_id) for agent in agents]
    assert not [pid for pid in pids if pid is not None and is_running(pid)]
    after = nightshift.submit("true\n", cpu_cores=4)
    assert nightshift.wait_for(after)["status"] == "completed"


def by_rank(nightshift: Nightshift, task_id: int) -> list[dict[str, Any]]:
    found = nightshift.get(f"/api/tasks/{task_id}/sub-agents/")["results"]
    return sorted(found, key=lambda row: row["rank"])


def test_a_host_that_dies_before_it_accepts_keeps_the_other_from_starting(idle_nightshift: Nightshift) -> None:
    """The second host is killed before the task is placed on it and is still believed to be there: nothing starts."""
    nightshift = idle_nightshift
    nightshift.settings = {"AMNESTY_SECONDS": "5"}  # in which a new server takes nothing back
    nightshift.start()
    first, second = two_hosts(nightshift)
    second.kill()
    task_id = nightshift.submit(MEET, node_count=2)
    wait_until(lambda: "gang_waiting" in first.output(), 30, "the living host to wait at the barrier")
    assert script_pid(first, task_id) is None
    wait_until(lambda: by_rank(nightshift, task_id)[0]["state"] == "revoked", 60, "the attempt to be taken back")
    task = nightshift.task(task_id)
    assert (task["status"], task["start_time"], task["retries_used"]) == ("waiting", None, 0)
    assert script_pid(first, task_id) is None
    nightshift.start_agent(MACHINE, name="gang-2", state_dir=second.state_dir)
    assert nightshift.wait_for(task_id, seconds=120)["status"] == "completed"
    assert len({row["agent_name"] for row in by_rank(nightshift, task_id)}) == 2


def test_a_main_agent_that_is_killed_at_the_barrier_takes_it_up_again(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    first, second = two_hosts(nightshift)
    second.kill()
    task_id = nightshift.submit(MEET, node_count=2)
    wait_until(lambda: "gang_waiting" in first.output(), 30, "the living host to wait at the barrier")
    first.kill()
    nightshift.restart()
    nightshift.start_agent(MACHINE, name="gang-1", state_dir=first.state_dir)
    nightshift.start_agent(MACHINE, name="gang-2", state_dir=second.state_dir)
    ended = nightshift.wait_for(task_id, seconds=120)
    assert (ended["status"], ended["attempt_no"]) == ("completed", 1)
