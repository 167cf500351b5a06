"""Best fit as the paper compares with it: least of CPU and of GPU left, each as a fraction of the node's; memory only
decides whether a task fits. The product's own best fit counts memory too."""

from collections.abc import Sequence

from benchmarks.placement.trace import gpu_milli
from tasks.scheduling.policies.base import Rule
from tasks.scheduling.values import Host, Shape


class PublishedBestFit(Rule):
    def keys(self, shape: Shape, hosts: Sequence[Host]) -> list[float]:
        asked = gpu_milli(shape)
        return [_left(shape, asked, host) for host in hosts]


def _left(shape: Shape, asked_milli: int, host: Host) -> float:
    cores = (host.free_centicores - shape.cpu_centicores) / max(1, host.total_centicores)
    free = sum(card.free_mib or 0 for card in host.cards)
    total = sum(card.total_mib or 0 for card in host.cards)
    return cores + (free - asked_milli) / max(1, total)
