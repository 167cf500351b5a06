"""A heartbeat arrives: order, sign of life, figures, capacity."""

from decimal import Decimal
from typing import Any

import pytest

from agents import heartbeats, liveness, readings
from agents.models import Agent
from agents.readings import GpuReading, Resources
from tests.factories import make_agent

pytestmark = pytest.mark.django_db

SAME: dict[str, Any] = {"cpu_cores": 16.0, "memory_mib": 65536, "gpu_state": "absent"}


def test_only_a_higher_number_of_the_session_is_newer() -> None:
    agent = make_agent()
    assert [heartbeats.is_newer(agent, seq) for seq in (1, 1, 3, 2, 4)] == [True, False, True, False, True]


def test_a_new_session_counts_anew_and_hosts_apart() -> None:
    agent, other = make_agent(), make_agent()
    assert heartbeats.is_newer(agent, 50)
    assert heartbeats.is_newer(other, 1)
    agent.epoch += 1
    assert heartbeats.is_newer(agent, 1)


def test_nothing_new_writes_nothing(django_assert_num_queries: Any) -> None:
    agent = Agent.objects.get(pk=make_agent().pk)
    with django_assert_num_queries(1):
        assert not heartbeats.receive(agent, Resources(**SAME), accepts_work=True)
    assert liveness.silent_seconds(agent.pk) == 0


@pytest.mark.parametrize("before", ["suspect", "unreachable"])
def test_it_brings_a_host_back(before: str) -> None:
    agent = make_agent(connectivity=before)
    assert heartbeats.receive(agent, Resources(**SAME), accepts_work=True)
    agent.refresh_from_db()
    assert agent.connectivity == "online"
    verbs = [event.verb for event in agent.events.all()]
    assert verbs == (["online"] if before == "unreachable" else [])


@pytest.mark.parametrize(
    "said",
    [
        {"cpu_cores": 8.0},
        {"memory_mib": 1024},
        {"gpu_state": "ready", "gpus": (GpuReading(0, "GPU-1", memory_mib=100),)},
    ],
)
def test_other_capacity_is_written_at_once(said: dict[str, Any]) -> None:
    agent = Agent.objects.get(pk=make_agent().pk)
    resources = Resources(**{**SAME, **said})
    assert heartbeats.receive(agent, resources, accepts_work=True)
    agent = Agent.objects.get(pk=agent.pk)
    assert (agent.cpu_cores, agent.memory_mib) == (
        Decimal(str(said.get("cpu_cores", 16))),
        said.get("memory_mib", 65536),
    )
    assert agent.present_gpus.count() == len(said.get("gpus", ()))
    assert not heartbeats.receive(agent, resources, accepts_work=True)


def test_a_host_that_takes_no_work_says_so() -> None:
    agent = Agent.objects.get(pk=make_agent().pk)
    assert heartbeats.receive(agent, Resources(**SAME), accepts_work=False)
    agent.refresh_from_db()
    assert agent.accepts_work is False
    assert heartbeats.receive(agent, Resources(**SAME), accepts_work=True)


def test_figures_wait_for_the_flush() -> None:
    agent = Agent.objects.get(pk=make_agent().pk)
    heartbeats.receive(agent, Resources(**SAME, cpu_usage=30.0, gpus=()), accepts_work=True)
    assert Agent.objects.get().cpu_usage is None
    assert readings.flush() == 1
    assert Agent.objects.get().cpu_usage == 30.0
    assert readings.flush() == 0
