"""Load the hosts as values: what each has and what of it is free. Changes nothing."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Sum

from agents.models import Agent, Gpu
from agents.states import Connectivity, Standing
from tasks.models import AllocatedGpu, Allocation
from tasks.scheduling.values import Card, Host


def schedulable() -> QuerySet[Agent]:
    """Hosts that may get work now."""
    return Agent.objects.filter(connectivity=Connectivity.ONLINE, standing=Standing.ACTIVE, accepts_work=True)


def load(agents: QuerySet[Agent]) -> list[Host]:
    """In the order of their names, so that plans repeat."""
    rows = list(agents.order_by("name"))
    ids = [agent.pk for agent in rows]
    used, cards = _used(ids), _cards(ids)
    return [_host(agent, used.get(agent.pk, (0, 0)), cards[agent.pk]) for agent in rows]


def _host(agent: Agent, used: tuple[Any, Any], cards: list[Card]) -> Host:
    centicores, memory = int(agent.cpu_cores * 100), agent.memory_mib
    return Host(
        agent_id=str(agent.pk),
        name=agent.name,
        total_centicores=centicores,
        free_centicores=centicores - round(used[0] * 100),
        total_memory_mib=memory,
        free_memory_mib=None if memory is None else memory - int(used[1]),
        cards=cards,
    )


def _used(ids: list[UUID]) -> dict[UUID, tuple[Any, Any]]:
    held = Allocation.objects.filter(agent__in=ids, released_at__isnull=True)
    sums = held.order_by().values_list("agent").annotate(cores=Sum("cpu_cores"), memory=Sum("memory_mib"))
    return {agent_id: (cores, memory) for agent_id, cores, memory in sums}


def _cards(ids: list[UUID]) -> dict[UUID, list[Card]]:
    held: dict[int, list[tuple[int, bool]]] = defaultdict(list)
    rows = AllocatedGpu.objects.filter(gpu__agent__in=ids, released_at__isnull=True)
    for gpu_id, memory, is_shared in rows.values_list("gpu_id", "memory_mib", "is_shared"):
        held[gpu_id].append((memory, is_shared))
    cards: dict[UUID, list[Card]] = defaultdict(list)
    for gpu in Gpu.objects.filter(agent__in=ids, is_present=True).order_by("index"):
        cards[gpu.agent_id].append(_card(gpu, held[gpu.pk]))
    return cards


def _card(gpu: Gpu, held: list[tuple[int, bool]]) -> Card:
    free = gpu.memory_mib
    if free is not None:
        free = 0 if any(not is_shared for _, is_shared in held) else free - sum(memory for memory, _ in held)
    return Card(gpu.pk, gpu.index, gpu.memory_mib, free, len(held))
