"""Weighted: each host gets tasks in proportion to its cores times the weight that an operator gave it.

The rule of seed 001's weighted balancing; the next task goes where the number of tasks per weight is lowest.
"""

from collections.abc import Sequence

from tasks.scheduling.policies.base import Rule
from tasks.scheduling.values import Host, Shape


class Weighted(Rule):
    def keys(self, shape: Shape, hosts: Sequence[Host]) -> list[float]:
        return [(host.holders + 1) / max(1e-9, host.total_centicores * host.weight) for host in hosts]
