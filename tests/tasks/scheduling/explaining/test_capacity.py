"""What the known hosts could ever run, looking at as few of them as it takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, Pool
from tasks.scheduling.explaining import capacity
from tasks.scheduling.rows import hosts
from tasks.scheduling.values import Shape
from tests.factories import make_agent, make_gpu, make_sub_agent, make_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many hosts were loaded each time."""
    counts: list[int] = []
    load = hosts.load

    def counted(agents: Any) -> Any:
        found = load(agents)
        counts.append(len(found))
        return found

    monkeypatch.setattr(hosts, "load", counted)
    return counts


def many(count: int) -> None:
    Agent.objects.bulk_create(
        Agent(name=f"host-{number:04}", secret_hash=str(number), cpu_cores=16, memory_mib=65536)
        for number in range(count)
    )


@contextmanager
def at_most(queries: int) -> Iterator[None]:
    with CaptureQueriesContext(connection) as captured:
        yield
    assert len(captured) <= queries, [query["sql"] for query in captured.captured_queries]


def test_what_fits_is_found_on_the_first_few_hosts(loaded: list[int]) -> None:
    many(300)
    with at_most(12):
        assert capacity.blame(Shape(cpu_centicores=1600)) == {}
    assert loaded == [capacity.FIRST_LOOK]


def test_the_database_sorts_out_the_small_ones(loaded: list[int]) -> None:
    many(100)
    big = make_agent("zz-big", cpu_cores=64, memory_mib=None)
    make_gpu(big)
    for shape in (
        Shape(cpu_centicores=6400),
        Shape(memory_mib=10**6),
        Shape(gpu_count=1, memory_mib=1024),
        Shape(hosts=("zz-big",)),
    ):
        assert capacity.blame(shape) == {}
    assert loaded == [1] * 4


def test_the_last_of_many_hosts_is_found(loaded: list[int]) -> None:
    many(100)
    pool = Pool.objects.create(name="odd")
    pool.agents.add(Agent.objects.get(name="host-0099"))
    make_gpu(Agent.objects.get(name="host-0098"), name="NVIDIA L4", memory_mib=24576)
    assert capacity.blame(Shape(requires="l4")) == {}
    assert sum(loaded) == 100
    assert capacity.blame(Shape(pool="odd")) == {}
    assert list(capacity.blame(Shape(pool="odd", gpu_count=1))) == ["gpu_count"]
    assert capacity.blame(Shape(node_count=64)) == {}
    assert "Only 1 of the known hosts" in capacity.blame(Shape(node_count=2, gpu_count=1))["node_count"][0]


def test_a_card_that_is_gone_does_not_count() -> None:
    agent = make_agent("gpu-1", gpus=1)
    assert capacity.blame(Shape(gpu_count=1)) == {}
    agent.gpus.update(is_present=False)
    assert list(capacity.blame(Shape(gpu_count=1))) == ["gpu_count"]


def test_what_others_hold_makes_no_difference() -> None:
    agent = make_agent("gpu-1", gpus=1)
    task = make_task(cpu_cores=16, memory_mib=65536)
    make_sub_agent(task, agent, gpus=list(agent.gpus.all()))
    assert capacity.blame(Shape(cpu_centicores=1600, memory_mib=65536, gpu_count=1, gpu_memory_mib=24576)) == {}


def test_without_hosts_nothing_is_known() -> None:
    make_agent("old", standing="deactivated")
    assert capacity.blame(Shape(gpu_count=64, site_resources=(("matlab", 1),))) == {}


def test_a_host_that_has_not_said_what_it_has_is_not_known() -> None:
    make_agent(cpu_cores=0, memory_mib=None)
    assert capacity.blame(Shape(cpu_centicores=100)) == {}
