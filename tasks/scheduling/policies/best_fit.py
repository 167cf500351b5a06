"""Best fit: the host that has least left afterwards, so that large tasks keep finding room."""

from collections.abc import Sequence

from tasks.scheduling.policies.base import Rule
from tasks.scheduling.values import Host, Shape


class BestFit(Rule):
    def keys(self, shape: Shape, hosts: Sequence[Host]) -> list[float]:
        return [_left(shape, host) for host in hosts]


def _left(shape: Shape, host: Host) -> float:
    """Sum of the fractions of cores, memory and cards that stay free; a shared card counts by its free part."""
    left = (host.free_centicores - shape.cpu_centicores) / max(1, host.total_centicores)
    if host.free_memory_mib is not None and host.total_memory_mib:
        left += (host.free_memory_mib - shape.memory_mib) / host.total_memory_mib
    if host.cards:
        left += (_free_cards(host) - _asked_cards(shape, host)) / len(host.cards)
    return left


def _free_cards(host: Host) -> float:
    return sum(
        card.free_mib / card.total_mib if card.free_mib is not None and card.total_mib else float(card.is_idle)
        for card in host.cards
    )


def _asked_cards(shape: Shape, host: Host) -> float:
    if not shape.gpu_share:
        return shape.gpu_count
    largest = max((card.total_mib or 0 for card in host.cards), default=0)
    return shape.gpu_count * shape.gpu_memory_mib / max(1, largest)
