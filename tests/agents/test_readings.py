"""The latest reading of a host: what came a moment ago, else what is stored, however odd that is."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from agents import readings
from agents.models import Agent
from agents.readings import GpuReading, Resources
from tests.factories import make_agent

pytestmark = pytest.mark.django_db

CARD = GpuReading(0, "GPU-1", "A100", memory_mib=40960, memory_used_mib=30000, own_mib=500)


class Calendar:
    def __init__(self) -> None:
        self.time = timezone.now()

    def now(self) -> datetime:
        return self.time


@pytest.fixture(autouse=True)
def calendar(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    found = Calendar()
    monkeypatch.setattr(readings, "timezone", SimpleNamespace(now=found.now))
    return found


@pytest.fixture
def agent(calendar: Calendar) -> Agent:
    return make_agent(last_heartbeat_time=calendar.time - timedelta(seconds=1))


def again(agent: Agent) -> Agent:
    return Agent.objects.get(pk=agent.pk)


def test_what_came_a_moment_ago_counts_before_it_is_written(agent: Agent) -> None:
    readings.keep(agent.pk, Resources(memory_used_mib=1, gpus=(CARD,)))
    assert readings.latest(again(agent)) == Resources(memory_used_mib=1, gpus=(CARD,))
    readings.keep(agent.pk, Resources(memory_used_mib=2))
    assert readings.latest(again(agent)).memory_used_mib == 2


def test_another_process_reads_what_was_written(agent: Agent) -> None:
    readings.keep(agent.pk, Resources(memory_used_mib=1, disk_total_mib=9, gpus=(CARD,)))
    readings.flush()
    readings._latest.clear()
    found = readings.latest(again(agent))
    assert (found.memory_used_mib, found.disk_total_mib, found.gpus) == (1, 9, (CARD,))


@pytest.mark.parametrize(
    "stored",
    [
        [],
        {"index": 0},
        "nonsense",
        ["nonsense", None, 7, {"index": 0}, {"uuid": "x"}, {"index": "0", "uuid": "x"}, {"index": 0, "uuid": None}],
        [{"index": 0, "uuid": "x", "memory_used_mib": "much"}],
    ],
)
def test_odd_rows_are_left_out(agent: Agent, stored: Any) -> None:
    Agent.objects.filter(pk=agent.pk).update(gpu_info=stored)
    assert readings.latest(again(agent)).gpus == ()


def test_a_row_of_another_version_is_read_as_far_as_it_goes(agent: Agent) -> None:
    rows = [{"index": 1, "uuid": "x", "new_figure": [1]}, "nonsense"]
    Agent.objects.filter(pk=agent.pk).update(gpu_info=rows)
    assert readings.latest(again(agent)).gpus == (GpuReading(1, "x"),)


def test_what_another_process_heard_later_counts(agent: Agent, calendar: Calendar) -> None:
    readings.keep(agent.pk, Resources(memory_used_mib=1))
    later = calendar.time + timedelta(seconds=1)
    Agent.objects.filter(pk=agent.pk).update(memory_used_mib=2, last_heartbeat_time=later)
    assert readings.latest(again(agent)).memory_used_mib == 2
    calendar.time = later
    readings.keep(agent.pk, Resources(memory_used_mib=3))
    assert readings.latest(again(agent)).memory_used_mib == 3


def test_silent_hosts_are_forgotten_and_their_rows_remain(agent: Agent, calendar: Calendar) -> None:
    other = make_agent(name="other")
    readings.keep(agent.pk, Resources(memory_used_mib=7))
    calendar.time += readings.FORGET_AFTER - timedelta(seconds=1)
    readings.keep(other.pk, Resources(memory_used_mib=8))
    readings.flush()
    assert set(readings._latest) == {agent.pk, other.pk}
    calendar.time += timedelta(seconds=2)
    readings.flush()
    assert set(readings._latest) == {other.pk}
    assert readings.latest(again(agent)).memory_used_mib == 7
