"""Placements at the same moment, and plans that are half old: one gets the room, the others leave nothing behind."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from agents.models import Agent, CountedResource
from tasks.models import AllocatedGpu, Allocation, Reservation, SubAgent, Task
from tasks.scheduling.place import place
from tasks.scheduling.rows.request import reservation_request, site_resource_names, task_request
from tasks.scheduling.values import Member, Placement
from tests.factories import make_agent, make_sub_agent, make_task

THREADS = 4


def planned(task: Task, *agents: Agent) -> Placement:
    members = tuple(Member(str(agent.pk), tuple(gpu.pk for gpu in agent.gpus.all())) for agent in agents)
    return Placement(task_request(task, site_resource_names()), members)


def at_once(*placements: Placement) -> list[bool]:
    """The answer of each, all asked in threads of their own at the same moment."""
    answers: list[bool] = []
    gate = threading.Barrier(len(placements))

    def ask(placement: Placement) -> None:
        gate.wait()
        try:
            answers.append(place(placement))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=[placement]) for placement in placements]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(answers)


def last_cores() -> list[Placement]:
    agent = make_agent(cpu_cores=Decimal("1.5"))
    return [planned(make_task(), agent) for _ in range(THREADS)]


def last_card() -> list[Placement]:
    agent = make_agent(gpus=1)
    return [planned(make_task(gpu_count=1), agent) for _ in range(THREADS)]


def last_part_of_a_card() -> list[Placement]:
    agent = make_agent(gpus=1)
    return [planned(make_task(gpu_count=1, gpu_memory=20_000, gpu_share=True), agent) for _ in range(THREADS)]


def last_licence_on_different_hosts() -> list[Placement]:
    CountedResource.objects.create(name="matlab", total=1)
    return [planned(make_task(resources={"matlab": 1}), make_agent()) for _ in range(THREADS)]


def host_for_itself() -> list[Placement]:
    agent = make_agent()
    return [planned(make_task(whole_host=True), agent) for _ in range(THREADS)]


def gangs_that_cross() -> list[Placement]:
    """In one order and in the other, which must not lock each other out for ever."""
    both = make_agent("a", cpu_cores=1), make_agent("b", cpu_cores=1)
    orders = (both, both[::-1]) * (THREADS // 2)
    return [planned(make_task(node_count=2), *agents) for agents in orders]


def one_task_twice() -> list[Placement]:
    task = make_task()
    return [planned(task, make_agent()) for _ in range(THREADS)]


LAST = [last_cores, last_card, last_part_of_a_card, last_licence_on_different_hosts, host_for_itself]
LAST += [gangs_that_cross, one_task_twice]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rows", LAST, ids=lambda rows: rows.__name__)
def test_of_those_that_want_the_last_room_one_gets_it(rows: Callable[[], list[Placement]]) -> None:
    placements = rows()
    assert at_once(*placements) == [False] * (THREADS - 1) + [True]
    members = len(placements[0].members)
    assert SubAgent.objects.count() == Allocation.objects.count() == members
    assert Task.objects.filter(current_fence__isnull=False).count() == 1


def reservation(**fields: Any) -> Reservation:
    now = timezone.now()
    return Reservation.objects.create(
        wait_until=now + timedelta(hours=1), until=now + timedelta(hours=2), cpu_cores=1, **fields
    )


def granted(held: Reservation, agent: Agent) -> Placement:
    return Placement(reservation_request(held, frozenset()), (Member(str(agent.pk)),))


@pytest.mark.django_db(transaction=True)
def test_a_reservation_is_granted_once() -> None:
    held, hosts = reservation(), [make_agent() for _ in range(THREADS)]
    assert at_once(*[granted(held, agent) for agent in hosts]) == [False] * (THREADS - 1) + [True]
    assert Allocation.objects.get().reservation_id == held.pk


@pytest.mark.django_db
def test_a_gang_that_lost_one_of_its_hosts_takes_none() -> None:
    first, second = make_agent("a"), make_agent("b")
    task = make_task(cpu_cores=2, node_count=2)
    placement = planned(task, first, second)
    make_sub_agent(make_task(cpu_cores=15), second)
    assert not place(placement)
    assert not SubAgent.objects.filter(task=task).exists()
    assert not Allocation.objects.filter(agent=first).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"node_count": 3}, {"exclude_hosts": ["a"]}, {"requires": "nvlink"}, {"pool": "x"}])
def test_a_task_that_was_edited_since_is_planned_again(change: dict[str, Any]) -> None:
    task = make_task(node_count=2)
    placement = planned(task, make_agent("a"), make_agent("b"))
    Task.objects.filter(pk=task.pk).update(**change)
    assert not place(placement)
    assert not SubAgent.objects.exists()


@pytest.mark.django_db
def test_what_is_taken_of_the_site_is_noted_once_for_a_gang_and_freed_with_it() -> None:
    CountedResource.objects.create(name="matlab", total=5)
    task = make_task(node_count=2, resources={"matlab": 2})
    assert place(planned(task, make_agent("a"), make_agent("b")))
    held = [allocation.resources for allocation in Allocation.objects.order_by("id")]
    assert held == [{"matlab": 2}, {}]


@pytest.mark.django_db
def test_an_outsider_that_came_since_keeps_the_card() -> None:
    agent = make_agent(gpus=1)
    (gpu,) = agent.gpus.all()
    placement = planned(make_task(gpu_count=1), agent)
    usage = {"index": 0, "uuid": gpu.uuid, "memory_mib": 24576, "memory_used_mib": 20_000, "own_mib": 0}
    Agent.objects.filter(pk=agent.pk).update(gpu_info=[usage])
    assert not place(placement)
    assert not AllocatedGpu.objects.exists()
