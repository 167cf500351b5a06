"""The tree of hosts: what it says of hosts, GPUs and sub agents, and how many queries it takes."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from agents.models import Agent
from tasks.agent_tree import agent_tree
from tasks.states import SubAgentState
from tests.factories import make_agent, make_sub_agent, make_task

pytestmark = pytest.mark.django_db


def busy_host(name: str = "gpu-1") -> Agent:
    """Two GPUs, one of them held by a running task of two and a half cores."""
    agent = make_agent(name, gpus=2)
    card = agent.gpus.get(index=0)  # type: ignore[attr-defined]
    agent.gpu_info = [{"index": 0, "uuid": card.uuid, "memory_mib": 24564, "memory_used_mib": 9000, "utilization": 88}]
    agent.save()
    task = make_task(name="train", cpu_cores=Decimal("2.5"))
    sub_agent = make_sub_agent(task, agent, gpus=[card], cpu_usage=240.0, memory_used_mib=3000, process_count=4)
    sub_agent.gpu_info = [{"uuid": card.uuid, "memory_mib": 8900, "utilization": 80}]
    sub_agent.save()
    return agent


def only_agent() -> dict[str, Any]:
    (agent,) = agent_tree()
    return agent


def test_no_hosts_is_an_empty_tree() -> None:
    assert agent_tree() == []


def test_cores_in_use_and_available_add_up() -> None:
    busy_host()
    agent = only_agent()
    assert (agent["cpu_cores"], agent["cpu_cores_in_use"], agent["available_cpu_cores"]) == (16, 2.5, 13.5)
    assert isinstance(agent["cpu_cores"], int)


def test_every_present_gpu_has_its_reading_and_its_tasks() -> None:
    agent = busy_host()
    agent.gpus.create(uuid="GPU-gone", index=7, is_present=False)  # type: ignore[attr-defined]
    first, second = only_agent()["gpu_info"]
    assert (first["index"], first["memory_mib"], first["memory_used_mib"], first["utilization"]) == (0, 24564, 9000, 88)
    assert len(first["task_ids"]) == 1
    assert (second["index"], second["memory_mib"], second["memory_used_mib"], second["task_ids"]) == (
        1,
        24576,
        None,
        [],
    )


def test_a_sub_agent_carries_its_task_usage_and_gpus() -> None:
    agent = busy_host()
    (sub,) = only_agent()["sub_agents"]
    assert (sub["type"], sub["task_name"], sub["attempt_no"], sub["status"]) == ("sub", "train", 1, "online")
    assert (sub["cpu_cores"], sub["cpu_usage"], sub["memory_used_mib"], sub["process_count"]) == (2.5, 240.0, 3000, 4)
    assert sub["main_agent_id"] == str(agent.pk)
    (card,) = sub["gpu_info"]
    assert (card["index"], card["memory_mib"], card["memory_used_mib"], card["utilization"]) == (0, 24576, 8900, 80)


def test_running_time_counts_from_the_start_of_the_script() -> None:
    now = timezone.now()
    make_sub_agent(agent=make_agent(), started_at=now - timedelta(seconds=90))
    assert agent_tree(now)[0]["sub_agents"][0]["running_time"] == 90


def test_a_sub_agent_not_started_has_no_running_time() -> None:
    make_sub_agent(agent=make_agent(), state=SubAgentState.ASSIGNED)
    assert only_agent()["sub_agents"][0]["running_time"] is None


def test_ended_sub_agents_are_not_in_the_tree_and_hold_nothing() -> None:
    agent = make_agent(gpus=1)
    make_task("completed", agent=agent)
    make_task("failed", agent=agent)
    shown = only_agent()
    assert (shown["sub_agents"], shown["cpu_cores_in_use"], shown["gpu_info"][0]["task_ids"]) == ([], 0, [])


def test_sub_agents_of_a_host_that_is_gone_are_offline() -> None:
    make_sub_agent(agent=make_agent(connectivity="unreachable"))
    agent = only_agent()
    assert (agent["status"], agent["sub_agents"][0]["status"]) == ("offline", "offline")


def test_a_reading_that_makes_no_sense_is_left_out() -> None:
    agent = make_agent(gpus=1)
    Agent.objects.filter(pk=agent.pk).update(gpu_info=["nonsense", {"index": 0}])
    assert only_agent()["gpu_info"][0]["utilization"] is None


def test_queries_do_not_grow_with_hosts_and_tasks(django_assert_num_queries: Any) -> None:
    for number in range(6):
        busy_host(f"gpu-{number}")
    with django_assert_num_queries(9):
        assert len(agent_tree()) == 6


@pytest.mark.parametrize(
    ("reading", "outside"),
    [
        ({"memory_used_mib": 30720}, (30720, True)),
        ({"memory_used_mib": 30720, "own_mib": 30720}, (0, False)),
        ({"memory_used_mib": 700, "own_mib": 0}, (700, False)),
        ({}, (None, False)),
    ],
)
def test_what_others_use_of_a_card_that_nobody_holds(reading: dict[str, Any], outside: tuple[int | None, bool]) -> None:
    agent = make_agent("gpu-1", gpus=1)
    agent.gpu_info = [{"uuid": agent.gpus.get().uuid, "memory_mib": 49152, **reading}]  # type: ignore[attr-defined]
    agent.save()
    (card,) = only_agent()["gpu_info"]
    assert (card["outsiders_mib"], card["is_used_outside"]) == outside


def test_what_others_use_of_a_held_card_is_known_only_where_the_host_can_tell() -> None:
    agent = busy_host()
    assert only_agent()["gpu_info"][0]["outsiders_mib"] is None
    agent.gpu_info[0]["own_mib"] = 4000
    agent.save()
    assert only_agent()["gpu_info"][0]["outsiders_mib"] == 5000
