"""What is said of hosts and how the site chooses among them: it changes when somebody says so, not with what runs.

Cards are not among it: one may be lost, and then nothing more may be placed on it, so they are read with what is held.
Keeps nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from agents.models import Capability, CountedResource, PlacementRules, Pool
from scheduler_site.shared import statements


@dataclass(frozen=True, slots=True)
class Facts:
    """The first three by host, `policies` by the names of pools."""

    counted: Mapping[UUID, dict[str, int]]
    said: Mapping[UUID, list[tuple[str, str]]]
    pools: Mapping[UUID, frozenset[str]]
    policies: Mapping[str, str]
    rules: PlacementRules


def read(ids: Collection[UUID]) -> Facts:
    """Of these hosts."""
    counted: dict[UUID, dict[str, int]] = defaultdict(dict)
    for agent_id, name, total in statements.rows_among(CountedResource, ["agent_id", "name", "total"], "agent_id", ids):
        counted[agent_id][name] = total
    said: dict[UUID, list[tuple[str, str]]] = defaultdict(list)
    for agent_id, name, version in statements.rows_among(Capability, ["agent_id", "name", "version"], "agent_id", ids):
        said[agent_id].append((name, version))
    found = statements.rows(Pool, ["id", "name", "policy"], {})
    pools = _pools({pk: name for pk, name, _ in found}, ids)
    policies = {name: policy for _, name, policy in found if policy}
    return Facts(counted, said, pools, policies, PlacementRules.current())


def policies() -> dict[str, str]:
    """Of pools that have one of their own."""
    return {name: policy for name, policy in statements.rows(Pool, ["name", "policy"], {}) if policy}


def _pools(names: Mapping[int, str], ids: Collection[UUID]) -> dict[UUID, frozenset[str]]:
    found: dict[UUID, set[str]] = defaultdict(set)
    if names:
        for agent_id, pool_id in statements.rows_among(Pool.agents.through, ["agent_id", "pool_id"], "agent_id", ids):
            found[agent_id].add(names[pool_id])
    return {agent_id: frozenset(pools) for agent_id, pools in found.items()}
