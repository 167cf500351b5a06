"""What placement knows of hosts beside their size, for people: pools, labels, counted resources. Decides nothing.

A fixed number of queries, however many hosts there are.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from agents import labels
from agents.models import Agent, Capability, CountedResource, Pool
from tasks.models import Allocation

Values = dict[str, Any]


class Traits:
    """Loaded once for all hosts; `of` gives those of one."""

    def __init__(self) -> None:
        self._pools: dict[UUID, list[str]] = defaultdict(list)
        for agent_id, name in Pool.objects.filter(agents__isnull=False).values_list("agents", "name"):
            self._pools[agent_id].append(name)
        self._said: dict[UUID, list[tuple[str, str, str]]] = defaultdict(list)
        for agent_id, *said in Capability.objects.values_list("agent", "name", "version", "origin"):
            self._said[agent_id].append((said[0], said[1], said[2]))
        self._counted: dict[UUID, list[CountedResource]] = defaultdict(list)
        for row in CountedResource.objects.filter(agent__isnull=False):
            self._counted[row.agent_id].append(row)  # type: ignore[index]
        self._held = _held() if self._counted else {}

    def of(self, agent: Agent, cards: Iterable[str]) -> Values:
        """`cards`: the names of its GPUs."""
        said = self._said[agent.pk]
        derived = labels.labels([(name, version) for name, version, _ in said], agent.host_facts, cards)
        return {
            "pools": sorted(self._pools[agent.pk]),
            "labels": sorted(derived),
            "capabilities": [{"name": name, "version": version, "origin": origin} for name, version, origin in said],
            "resources": [self._resource(row) for row in self._counted[agent.pk]],
        }

    def _resource(self, row: CountedResource) -> Values:
        held = self._held.get((row.agent_id, row.name), 0)
        free = max(0, row.total - held)
        return {"name": row.name, "total": row.total, "available": free, "origin": row.origin}


def _held() -> dict[tuple[UUID | None, str], int]:
    """By host and name. What tasks hold inside a reservation is the reservation's."""
    found: dict[tuple[UUID | None, str], int] = defaultdict(int)
    rows = Allocation.objects.filter(released_at__isnull=True, inside__isnull=True).exclude(resources={})
    for agent_id, resources in rows.values_list("agent", "resources"):
        for name, amount in resources.items():
            found[agent_id, name] += amount
    return found
