"""A reservation's part of a host, seen from both sides: what its tasks may have of it, and what others lose. Pure.

What is really in use goes before what was booked, as everywhere: by outsiders inside, by its tasks outside.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from agents.readings import GpuReading
from tasks.scheduling.rows import foreign
from tasks.scheduling.rows.holdings import Holding
from tasks.scheduling.values import Card


def grown(outer: Holding, inner: Iterable[Holding]) -> Holding:
    """As others see it: what it booked, or what its tasks were seen to use of it where that is more."""
    inner = list(inner)
    on_cards = _parts(inner)
    gpus = tuple((gpu_id, None if part is None else max(part, on_cards[gpu_id])) for gpu_id, part in outer.held.gpus)
    used = sum(holding.booked_memory_mib for holding in inner)
    return replace(outer, held=replace(outer.held, gpus=gpus), used_memory_mib=used)


def free_memory_mib(outer: Holding, total_mib: int | None, outside_mib: int, tasks: Iterable[Holding]) -> int:
    """`tasks`: of the whole host. Not more than the host has left."""
    tasks = list(tasks)
    left = outer.held.memory_mib - sum(holding.booked_memory_mib for holding in _inside(outer, tasks))
    if total_mib is None:
        return left
    return min(left, total_mib - outside_mib - sum(holding.booked_memory_mib for holding in tasks))


def outside_by_card(readings: Iterable[GpuReading], tasks: Iterable[Holding]) -> dict[str, int]:
    """A reservation uses nothing by itself: what its tasks do not use of it is somebody else's."""
    return foreign.by_card(readings, [replace(holding, inside_id=None) for holding in tasks])


def without_outsiders(
    card: Card, part: int | None, size_mib: int | None, outside: int, tasks: Iterable[Holding]
) -> Card:
    """`card`: as if nobody else were there; `part`: what is reserved of it, None for all; `size_mib`: all of it."""
    if part is None or size_mib is None or card.free_mib is None:
        lost = outside
    else:
        lost = max(0, card.free_mib - (size_mib - outside - _parts(tasks)[card.gpu_id]))
    free = None if card.free_mib is None else card.free_mib - lost
    return replace(card, free_mib=free, foreign_mib=lost)


def _inside(outer: Holding, tasks: Iterable[Holding]) -> list[Holding]:
    return [holding for holding in tasks if holding.inside_id == outer.reservation_id]


def _parts(holdings: Iterable[Holding]) -> dict[int, int]:
    """What is booked of each shared card."""
    found: dict[int, int] = defaultdict(int)
    for holding in holdings:
        for gpu_id, part in holding.held.gpus:
            found[gpu_id] += part or 0
    return found
