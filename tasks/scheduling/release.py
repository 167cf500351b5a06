"""A host as it will be: copies of one, and what it looks like once somebody has given back what is held. Pure."""

from dataclasses import replace

from tasks.scheduling.values import Ending, Held, Host


def copy_of(host: Host) -> Host:
    """Shares nothing that changes with the original. Nobody is just starting there: it stands for a later time."""
    return replace(
        host,
        cards=[replace(card, has_start_hold=False, settles=False) for card in host.cards],
        free_resources=dict(host.free_resources),
        endings=list(host.endings),
    )


def give_back(host: Host, held: Held) -> None:
    """Add what was held to what is free."""
    host.free_centicores += held.cpu_centicores
    if host.free_memory_mib is not None:
        host.free_memory_mib += held.memory_mib
    if host.free_disk_mib is not None:
        host.free_disk_mib += held.disk_mib
    for name, amount in held.resources:
        host.free_resources[name] = host.free_resources.get(name, 0) + amount
    _give_back_cards(host, dict(held.gpus))
    host.holders -= 1
    host.whole_held = host.whole_held and not held.whole_host


def _give_back_cards(host: Host, parts: dict[int, int | None]) -> None:
    for card in host.cards:
        if card.gpu_id in parts:
            card.holders -= 1
            part = parts[card.gpu_id]
            if card.total_mib is not None and card.free_mib is not None:
                card.free_mib = card.total_mib - card.foreign_mib if part is None else card.free_mib + part


def in_order(host: Host) -> list[Ending]:
    return sorted(host.endings, key=lambda ending: ending.in_seconds)


def emptied(host: Host) -> Host:
    """The host with nobody on it, and nobody outside either: what it could ever offer."""
    empty = copy_of(host)
    empty.free_centicores = host.total_centicores
    empty.free_memory_mib, empty.free_disk_mib = host.total_memory_mib, host.total_disk_mib
    empty.free_resources = dict(host.total_resources)
    empty.holders, empty.whole_held, empty.foreign_memory_mib, empty.endings = 0, False, 0, []
    for card in empty.cards:
        card.free_mib, card.holders, card.foreign_mib = card.total_mib, 0, 0
    return empty
