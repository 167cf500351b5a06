"""Best fit: the host that has least left afterwards, so that large tasks keep finding room.

A task without GPUs goes to a host without GPUs while one fits. Ties go to the first name, so that plans repeat.
"""

from collections.abc import Sequence

from tasks.scheduling.values import Host, Request


def choose(request: Request, hosts: Sequence[Host]) -> Host:
    """`hosts` all fit and are not empty."""
    return min(hosts, key=lambda host: (_wastes_gpus(request, host), _left(request, host), host.name))


def _wastes_gpus(request: Request, host: Host) -> bool:
    return request.gpu_count == 0 and bool(host.cards)


def _left(request: Request, host: Host) -> float:
    """Sum of the fractions of cores, memory and cards that stay free."""
    left = (host.free_centicores - request.cpu_centicores) / max(1, host.total_centicores)
    if host.free_memory_mib is not None and host.total_memory_mib:
        left += (host.free_memory_mib - request.memory_mib) / host.total_memory_mib
    if host.cards:
        left += (sum(card.is_idle for card in host.cards) - request.gpu_count) / len(host.cards)
    return left
