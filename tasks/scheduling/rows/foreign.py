"""What processes outside Nightshift use of a host: not bookable. Pure: readings and holdings in, MiB out.

Nothing of the kind is done for CPU time, which is shared anyway and read too jumpily to be booked against
(docs/decisions/020).
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from agents.readings import GpuReading
from tasks.scheduling.rows.holdings import Holding


def memory_mib(used_mib: int | None, held: Iterable[Holding]) -> int:
    """Main memory in use less what sub agents were seen to use; 0 when nothing is known."""
    if used_mib is None:
        return 0
    return max(0, used_mib - sum(holding.used_memory_mib or 0 for holding in held))


def by_card(readings: Iterable[GpuReading], held: Iterable[Holding]) -> dict[str, int]:
    """Foreign GPU memory by card: what is not the host's own (`own_mib`); where it cannot tell its processes from
    others, everything above what is booked."""
    booked = _booked(list(held))
    found = {}
    for reading in readings:
        if reading.memory_used_mib is None:
            continue
        ours = booked[reading.uuid] if reading.own_mib is None else reading.own_mib
        found[reading.uuid] = max(0, reading.memory_used_mib - ours)
    return found


def settling(held: Iterable[Holding], now: datetime, hold_seconds: float) -> frozenset[str]:
    """Cards of which somebody took a part less than `hold_seconds` ago and has not been seen to use any (the start
    hold)."""
    return frozenset(
        uuid
        for holding in held
        if holding.reservation_id is None and now - holding.since < timedelta(seconds=hold_seconds)
        for uuid, _, seen in holding.parts_seen
        if seen == 0
    )


def _booked(held: list[Holding]) -> dict[str, int]:
    """By card. What tasks hold inside a reservation is part of what the reservation holds."""
    direct: dict[str, int] = defaultdict(int)
    inside: dict[tuple[int, str], int] = defaultdict(int)
    for holding in held:
        for uuid, part, seen in holding.parts_seen:
            if holding.inside_id is not None:
                inside[holding.inside_id, uuid] += max(part, seen)
            elif holding.reservation_id is None:
                direct[uuid] += max(part, seen)
    for holding in held:
        if holding.reservation_id is not None:
            for uuid, part, _ in holding.parts_seen:
                direct[uuid] += max(part, inside[holding.reservation_id, uuid])
    return direct
