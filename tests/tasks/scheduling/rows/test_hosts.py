"""Hosts as values: what is free is what nobody holds; only hosts that may get work count."""

from decimal import Decimal

import pytest

from agents.models import Agent
from tasks.models import Allocation
from tasks.scheduling.rows import hosts
from tests.factories import make_agent, make_sub_agent, make_task

pytestmark = pytest.mark.django_db


def test_free_is_what_nobody_holds() -> None:
    agent = make_agent("box", gpus=3)
    first, second, _third = agent.gpus.all()
    make_sub_agent(make_task(cpu_cores=Decimal("0.25"), memory_mib=1024), agent, gpus=[first])
    make_sub_agent(make_task(cpu_cores=2, memory_mib=2048), agent, state="succeeded", gpus=[second])
    (host,) = hosts.load(hosts.schedulable())
    assert (host.total_centicores, host.free_centicores) == (1600, 1575)
    assert (host.total_memory_mib, host.free_memory_mib) == (65536, 64512)
    assert [(card.free_mib, card.holders) for card in host.cards] == [(0, 1), (24576, 0), (24576, 0)]


def test_many_small_parts_add_up_exactly() -> None:
    """Sums of decimals come back from SQLite as floats."""
    agent = make_agent(cpu_cores=100)
    for _ in range(3):
        make_sub_agent(make_task(), agent)
    for allocation, cores in zip(Allocation.objects.all(), ("0.29", "0.57", "1.13"), strict=True):
        Allocation.objects.filter(pk=allocation.pk).update(cpu_cores=Decimal(cores))
    (host,) = hosts.load(hosts.schedulable())
    assert host.free_centicores == 10_000 - 199


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({}, True),
        ({"connectivity": "suspect"}, False),
        ({"connectivity": "unreachable"}, False),
        ({"standing": "paused"}, False),
        ({"standing": "deactivated"}, False),
        ({"accepts_work": False}, False),
    ],
)
def test_who_may_get_work(fields: dict, counts: bool) -> None:
    make_agent(**fields)
    assert hosts.schedulable().exists() is counts


def test_unknown_memory_and_cards_that_are_gone() -> None:
    agent = make_agent(memory_mib=None, gpus=2)
    agent.gpus.filter(index=0).update(is_present=False)
    agent.gpus.filter(index=1).update(memory_mib=None)
    (host,) = hosts.load(Agent.objects.all())
    assert host.free_memory_mib is None
    assert [(card.index, card.free_mib) for card in host.cards] == [(1, None)]


def test_a_fleet_is_read_in_few_queries(django_assert_num_queries: object) -> None:
    for name in ("c", "a", "b"):
        make_agent(name, gpus=2)
    with django_assert_num_queries(7):  # type: ignore[operator]
        assert [host.name for host in hosts.load(hosts.schedulable())] == ["a", "b", "c"]
