"""Best fit as the paper compares with it: least of CPU and of GPU left, as fractions of what the largest node has.

Memory only decides whether a task fits. The product's own best fit counts memory too, and fractions of the host itself.
"""

from collections.abc import Sequence

from benchmarks.placement.trace import CARD_MILLI, gpu_milli
from tasks.scheduling.policies.base import Rule
from tasks.scheduling.values import Host, Shape


class PublishedBestFit(Rule):
    def __init__(self, hosts: Sequence[Host]) -> None:
        self._cores = max(host.total_centicores for host in hosts)
        self._gpu_milli = max(len(host.cards) for host in hosts) * CARD_MILLI

    def keys(self, shape: Shape, hosts: Sequence[Host]) -> list[float]:
        asked = gpu_milli(shape)
        return [self._left(shape, asked, host) for host in hosts]

    def _left(self, shape: Shape, asked_milli: int, host: Host) -> float:
        free = sum(card.free_mib or 0 for card in host.cards)
        cores = (host.free_centicores - shape.cpu_centicores) / self._cores
        return cores + (free - asked_milli) / self._gpu_milli
