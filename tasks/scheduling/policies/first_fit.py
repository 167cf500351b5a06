"""First fit: the first host by name. Fills hosts one after the other, which leaves the last ones free to be switched
off."""

from collections.abc import Sequence

from tasks.scheduling.policies.base import Rule
from tasks.scheduling.values import Host, Shape


class FirstFit(Rule):
    def keys(self, shape: Shape, hosts: Sequence[Host]) -> list[float]:
        return [0.0] * len(hosts)
