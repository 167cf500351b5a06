"""What one wish asks for and what a host has of it, in words, and how far they are apart. Pure; decides nothing."""

from collections import Counter

from tasks.scheduling import capabilities
from tasks.scheduling.values import Card, Host, Shape
from tasks.scheduling.wording import cpu_cores, gib, plural

_OTHER_KIND = 5.0  # a card of another type is farther off than some more cards, and no card at all farther still


def wanted(wish: Shape) -> str:
    """A shape that asks for one thing: "2 GPUs of 100 GiB"."""
    if wish.gpu_count:
        return _cards_wanted(wish)
    if wish.cpu_centicores:
        return cpu_cores(wish.cpu_centicores)
    if wish.memory_mib:
        return f"{gib(wish.memory_mib)} of memory"
    if wish.disk_mib:
        return f"{gib(wish.disk_mib)} of disk"
    return " and ".join(f"{amount} {name}" for name, amount in wish.resources)


def has(field: str, wish: Shape, host: Host) -> str:
    """The same of the host: "4 GPUs of 48 GiB"."""
    if field.startswith("gpu"):
        return _cards_had(host.cards)
    if field == "cpu_cores":
        return cpu_cores(host.total_centicores)
    if field == "memory_mib":
        return f"{gib(host.total_memory_mib or 0)} of memory"
    if field == "disk_mib":
        return f"{gib(host.total_disk_mib or 0)} of disk"
    return " and ".join(f"{host.total_resources.get(name, 0) or 'no'} {name}" for name, _ in wish.resources)


def gap(field: str, wish: Shape, host: Host) -> float:
    """How many times more is asked for than there is."""
    if field == "gpu_memory":
        return wish.gpu_memory_mib / _part_had(wish, host)
    if field == "gpu_count":
        return wish.gpu_count / max(0.1, len(host.cards))
    if field == "cpu_cores":
        return wish.cpu_centicores / max(1, host.total_centicores)
    if field == "memory_mib":
        return wish.memory_mib / max(1, host.total_memory_mib or 0)
    if field == "disk_mib":
        return wish.disk_mib / max(1, host.total_disk_mib or 0)
    if field == "requires":
        return capabilities.lacking(wish.requires, host.labels)
    if field == "resources":
        return sum(asked / max(0.5, host.total_resources.get(name, 0)) for name, asked in wish.resources)
    return _OTHER_KIND


def _part_had(wish: Shape, host: Host) -> int:
    """The most that each of so many cards of the host has."""
    sizes = sorted((card.total_mib or 0 for card in host.cards), reverse=True)
    return max(1, sizes[wish.gpu_count - 1]) if len(sizes) >= wish.gpu_count else 1


def _cards_wanted(wish: Shape) -> str:
    text = f"{wish.gpu_count} {plural(wish.gpu_count, 'GPU')}"
    if wish.gpu_indices:
        text = f"GPU {', '.join(map(str, wish.gpu_indices))}"
    if wish.gpu_types:
        text += f" of type {' or '.join(wish.gpu_types)}"
    if wish.gpu_memory_mib:
        text += f" of {gib(wish.gpu_memory_mib)}" if not wish.gpu_types else f" with {gib(wish.gpu_memory_mib)}"
    return text


def _cards_had(held: list[Card]) -> str:
    """ "4 GPUs of 48 GiB (NVIDIA A40)" """
    kinds = Counter((card.name, card.total_mib) for card in held)
    parts = [_kind(name, mib, count) for (name, mib), count in sorted(kinds.items(), key=str)]
    return " and ".join(parts) or "no GPU"


def _kind(name: str, mib: int | None, count: int) -> str:
    size = f" of {gib(mib)}" if mib else ""
    return f"{count} {plural(count, 'GPU')}{size}{f' ({name})' if name else ''}"
