"""Round robin: the host that has not been chosen for the longest time."""

from collections.abc import Sequence

from tasks.scheduling.policies.base import Rule
from tasks.scheduling.values import Host, Shape


class RoundRobin(Rule):
    def keys(self, shape: Shape, hosts: Sequence[Host]) -> list[float]:
        return [float(host.turn) for host in hosts]
