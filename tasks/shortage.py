"""Out of memory: what is said of it, and what the next attempt asks for instead. Pure.

`kind` is "gpu" or "host". What was asked for and seen comes from rows: tasks.lifecycle.out_of_memory.
"""

import math
from dataclasses import dataclass
from typing import Any

from tasks.scheduling.wording import gib

GPU, HOST = "gpu", "host"
SMALLEST_FACTOR, LARGEST_FACTOR = 1.05, 10.0


@dataclass(frozen=True)
class Request:
    """What the attempt asked for, as far as memory goes, and what its user allows for the next one."""

    memory_mib: int | None = None
    gpu_memory: int | None = None
    gpu_share: bool = False
    factor: float | None = None
    exclusive: bool = False


@dataclass(frozen=True)
class Largest:
    """The most that any host has which the task may use."""

    memory_mib: int = 0
    card_mib: int = 0


def label(kind: str, asked_mib: int | None, seen_mib: int | None, evidence: str = "") -> str:
    """Such as: Out of GPU memory: asked 8 GiB, saw 11.4 GiB."""
    what = "GPU memory" if kind == GPU else "memory"
    asked = f"asked {_size(asked_mib)}" if asked_mib else "asked for none"
    seen = f", saw {_size(seen_mib)}" if seen_mib else ""
    said = f" The output says: {evidence}" if evidence else ""
    return f"Out of {what}: {asked}{seen}.{said}"


def _size(mib: int) -> str:
    return gib(mib) if mib >= 1024 else f"{mib} MiB"


def grown(kind: str, asked: Request, seen_mib: int | None, largest: Largest) -> dict[str, Any]:
    """The columns that differ in the next attempt's request; empty when it asks for the same again."""
    if kind == HOST:
        more = _more(asked.memory_mib or seen_mib, asked, seen_mib, largest.memory_mib)
        return {"memory_mib": more} if more > (asked.memory_mib or 0) else {}
    changes: dict[str, Any] = {}
    more = _more(asked.gpu_memory, asked, seen_mib, largest.card_mib)
    if more > (asked.gpu_memory or 0):
        changes["gpu_memory"] = more
    if asked.exclusive and asked.gpu_share:
        changes["gpu_share"] = False
    return changes


def _more(base: int | None, asked: Request, seen_mib: int | None, largest: int) -> int:
    """Never less than what was seen, never more than what there is."""
    if base is None or asked.factor is None:
        return 0
    return min(max(math.ceil(base * asked.factor), seen_mib or 0), largest)


def sentence(before: Request, changes: dict[str, Any]) -> str:
    """What changes, for the history: GPU memory 8 GiB → 12 GiB, a whole card instead of a share."""
    words = []
    for name, what in (("memory_mib", "memory"), ("gpu_memory", "GPU memory")):
        if name in changes:
            old = getattr(before, name)
            words.append(f"{what} {gib(old) if old else 'none'} → {gib(changes[name])}")
    if changes.get("gpu_share") is False:
        words.append("a whole card instead of a share")
    return ", ".join(words)
