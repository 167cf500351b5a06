"""Capacity of a host: cores, memory, cards. Written at once when it changed, unlike readings. Books nothing."""

from decimal import Decimal
from typing import Any

from agents import gpu_loss
from agents.history import record
from agents.models import Agent, Gpu
from agents.readings import GpuReading, Resources, figures
from scheduler_site.shared import statements
from scheduler_site.shared.actors import Actor


def store(agent: Agent, resources: Resources) -> bool:
    """Write capacity and cards; returns whether anything that placement looks at changed."""
    before = _shown(agent)
    changed = _capacity_changed(agent, resources)
    Agent.objects.filter(pk=agent.pk).update(**_capacity(agent, resources), **figures(resources))
    changed = _store_gpus(agent, resources) or changed
    if changed:
        _record(agent, before)
    return changed


def differs(agent: Agent, resources: Resources) -> bool:
    """Whether the host's capacity is not what is stored: cheap enough for every heartbeat."""
    known = set(statements.rows(Gpu, ["uuid", "index", "memory_mib"], {"agent_id": agent.pk, "is_present": True}))
    said = {(gpu.uuid, gpu.index, gpu.memory_mib) for gpu in resources.gpus}
    return known != said or _capacity_changed(agent, resources)


def _capacity(agent: Agent, resources: Resources) -> dict[str, Any]:
    """A probe that failed (None) does not take away what the host had."""
    cores = agent.cpu_cores if resources.cpu_cores is None else _cores(resources.cpu_cores)
    return {
        "cpu_cores": cores,
        "memory_mib": agent.memory_mib if resources.memory_mib is None else resources.memory_mib,
        "is_declared": resources.is_declared,
        "gpu_state": resources.gpu_state,
        "gpu_detail": resources.gpu_detail[:300],
    }


def _capacity_changed(agent: Agent, resources: Resources) -> bool:
    return any(getattr(agent, name) != value for name, value in _capacity(agent, resources).items())


def _shown(agent: Agent) -> dict[str, Any]:
    cards = {str(gpu.index): gpu.memory_mib for gpu in agent.present_gpus}
    return {"cpu_cores": str(agent.cpu_cores), "memory_mib": agent.memory_mib, "gpus": cards}


def _record(agent: Agent, before: dict[str, Any]) -> None:
    """In the host's history: what was placed earlier was placed on what it had then."""
    after = _shown(Agent.objects.get(pk=agent.pk))
    changes: dict[str, Any] = {name: [before[name], value] for name, value in after.items() if value != before[name]}
    if changes:
        record(agent, "capacity_changed", actor=Actor.agent(agent.name), **changes)


def _cores(value: float) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.01"))


def _store_gpus(agent: Agent, resources: Resources) -> bool:
    """A broken or hanging driver says nothing about the cards: they stay booked, but are not present for new work."""
    known = {gpu.uuid: gpu for gpu in agent.gpus.all()}
    changed = False
    for reading in resources.gpus:
        changed = _store_gpu(agent, known.pop(reading.uuid, None), reading) or changed
    gone = [gpu for gpu in known.values() if gpu.is_present]
    Gpu.objects.filter(pk__in=[gpu.pk for gpu in gone]).update(is_present=False)
    gpu_loss.notice(agent, gone, resources.gpu_state)
    return changed or bool(gone)


def _store_gpu(agent: Agent, gpu: Gpu | None, reading: GpuReading) -> bool:
    said = {"index": reading.index, "name": reading.name[:120], "memory_mib": reading.memory_mib, "is_present": True}
    if gpu is None:
        Gpu.objects.create(agent=agent, uuid=reading.uuid, **said)
        return True
    if all(getattr(gpu, name) == value for name, value in said.items()):
        return False
    Gpu.objects.filter(pk=gpu.pk).update(**said)
    return True
