"""What a member of a gang is told in its environment, and what is kept from it."""

from pathlib import Path
from typing import Any

import pytest

from agent_client.main_agent.free_port import free_port
from agent_client.sub_agent import environment
from agent_client.sub_agent.environment import Place
from tests.agent_client.sub_agents import make_grant

GANG: dict[str, Any] = {
    "rank": 1,
    "node_count": 2,
    "nodes": [{"name": "gpu-1", "address": "10.0.0.1"}, {"name": "gpu-2", "address": "10.0.0.2"}],
    "master_address": "10.0.0.1",
    "master_port": 40001,
}
PROCESSES = {"RANK", "WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS"}
CARD = {"index": 0, "uuid": "GPU-0", "memory_mib": 1, "is_shared": False}


def build(**changes: Any) -> dict[str, str]:
    place = Place("h", "/w", Path("/r"), Path("/t"), "cookie", "/nowhere", None, 0)
    return environment.build({}, make_grant(**changes), place)  # type: ignore[arg-type]


def test_a_member_knows_its_rank_and_where_the_others_are() -> None:
    found = build(gang=GANG)
    expected = {
        "NIGHTSHIFT_RANK": "1",
        "NIGHTSHIFT_WORLD_SIZE": "2",
        "NIGHTSHIFT_NODE_NAMES": "gpu-1,gpu-2",
        "NIGHTSHIFT_NODE_ADDRESSES": "10.0.0.1,10.0.0.2",
        "MASTER_ADDR": "10.0.0.1",
        "MASTER_PORT": "40001",
        "NODE_RANK": "1",
        "NNODES": "2",
        "SLURM_NNODES": "2",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_NODEID": "1",
        "SLURM_JOB_NODELIST": "10.0.0.1,10.0.0.2",
    }
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(("cards", "are_said"), [(0, True), (1, True), (2, False)])
def test_processes_are_numbered_only_where_there_is_one_for_each_host(cards: int, are_said: bool) -> None:
    found = build(gang=GANG, gpus=[{**CARD, "index": index} for index in range(cards)])
    assert (set(found) & PROCESSES == PROCESSES) is are_said
    if are_said:
        assert (found["RANK"], found["SLURM_PROCID"], found["WORLD_SIZE"], found["SLURM_NTASKS"]) == (*"11", *"22")
    else:
        assert not set(found) & PROCESSES


@pytest.mark.parametrize("changes", [{}, {"gang": None}])
def test_a_task_on_one_host_hears_of_no_gang(changes: dict[str, Any]) -> None:
    found = build(**changes)
    assert not set(found) & {"MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "NIGHTSHIFT_RANK", "SLURM_JOB_NODELIST"}
    assert not set(found) & PROCESSES
    assert found["SLURM_NNODES"] == "1"


def test_the_tasks_own_words_do_not_hide_a_member_from_its_gang() -> None:
    assert build(gang=GANG, environment={"MASTER_ADDR": "elsewhere"})["MASTER_ADDR"] == "10.0.0.1"


def test_a_free_port_can_be_had() -> None:
    assert 0 < (free_port() or 0) < 65536
