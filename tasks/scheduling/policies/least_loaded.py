"""Least loaded: the host whose scarcest resource is least used, by what is booked or, if more, by what it reports."""

from collections.abc import Sequence

from tasks.scheduling.policies.base import Rule
from tasks.scheduling.values import Host, Shape


class LeastLoaded(Rule):
    def keys(self, shape: Shape, hosts: Sequence[Host]) -> list[float]:
        return [_load(host) for host in hosts]


def _load(host: Host) -> float:
    """0 idle to 1 full."""
    loads = [host.load, 1 - host.free_centicores / max(1, host.total_centicores)]
    if host.free_memory_mib is not None and host.total_memory_mib:
        loads.append(1 - host.free_memory_mib / host.total_memory_mib)
    if host.cards:
        loads.append(1 - sum(card.is_idle for card in host.cards) / len(host.cards))
    return max(loads)
