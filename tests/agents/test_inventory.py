"""Capacity and cards: what changed is written; a probe that failed takes nothing away."""

from decimal import Decimal
from typing import Any

import pytest

from agents import inventory
from agents.models import Agent, Gpu
from agents.readings import GpuReading, Resources
from tests.factories import make_agent

pytestmark = pytest.mark.django_db


def card(index: int = 0, uuid: str = "GPU-1", **more: Any) -> GpuReading:
    return GpuReading(index, uuid, **{"name": "A100", "memory_mib": 40960, **more})


@pytest.fixture
def agent() -> Agent:
    return Agent.objects.get(pk=make_agent().pk)


def stored(agent: Agent, *cards: GpuReading, **more: Any) -> bool:
    resources = Resources(**{"cpu_cores": 16.0, "memory_mib": 65536, "gpu_state": "ready", **more}, gpus=cards)
    changed = inventory.store(agent, resources)
    agent.refresh_from_db()
    assert not inventory.differs(agent, resources)
    return changed


def present() -> list[tuple[int, str, int | None]]:
    return list(Gpu.objects.filter(is_present=True).values_list("index", "uuid", "memory_mib"))


def test_cards_come_move_and_go(agent: Agent) -> None:
    assert stored(agent, card(0, "A"), card(1, "B"))
    assert not stored(agent, card(0, "A"), card(1, "B"))
    assert stored(agent, card(0, "B"), card(1, "A"))
    assert present() == [(0, "B", 40960), (1, "A", 40960)]
    assert stored(agent, card(0, "B"))
    assert present() == [(0, "B", 40960)]
    assert stored(agent, card(0, "B"), card(1, "A"))
    assert Gpu.objects.count() == 2


def test_an_unknown_probe_keeps_cores_and_memory(agent: Agent) -> None:
    stored(agent, cpu_cores=None, memory_mib=None)
    assert (agent.cpu_cores, agent.memory_mib) == (Decimal(16), 65536)


def test_fractions_of_cores_are_kept_to_hundredths(agent: Agent) -> None:
    assert stored(agent, cpu_cores=2.499)
    assert agent.cpu_cores == Decimal("2.50")
    assert not stored(agent, cpu_cores=2.499)


def test_a_broken_driver_takes_cards_from_new_work_only(agent: Agent) -> None:
    stored(agent, card())
    assert stored(agent, gpu_state="broken", gpu_detail="x" * 400)
    assert present() == []
    assert (agent.gpu_state, len(agent.gpu_detail)) == ("broken", 300)
    assert Gpu.objects.get().memory_mib == 40960
