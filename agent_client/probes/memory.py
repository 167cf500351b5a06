"""How much memory this host gives us and how much is used, in MiB. Knows nothing of single scripts."""

from dataclasses import dataclass
from pathlib import Path

import psutil

from agent_client.probes.cgroup import PROC, Hierarchy, find_hierarchy
from agent_client.probes.text import read_int, read_table

MIB = 1024 * 1024


@dataclass(frozen=True)
class Memory:
    """Sizes in MiB; None is unknown."""

    total_mib: int | None
    used_mib: int | None

    @property
    def percent(self) -> float | None:
        if not self.total_mib or self.used_mib is None:
            return None
        return round(min(100.0, 100 * self.used_mib / self.total_mib), 1)


def read_memory(proc: Path = PROC) -> Memory:
    """The tightest cgroup limit where it is below the machine's memory, else the machine."""
    physical = _machine()
    hierarchy = find_hierarchy("memory", proc)
    limited = _tightest(hierarchy) if hierarchy else None
    if limited is None or (physical.total_mib is not None and limited[0] // MIB >= physical.total_mib):
        return physical
    limit, level = limited
    return Memory(limit // MIB, _group_used_mib(level))


def _machine() -> Memory:
    try:
        memory = psutil.virtual_memory()
    except (OSError, RuntimeError, ValueError):
        return Memory(None, None)
    return Memory(memory.total // MIB, (memory.total - memory.available) // MIB)


def _tightest(hierarchy: Hierarchy) -> tuple[int, Path] | None:
    name = "memory.max" if hierarchy.version == 2 else "memory.limit_in_bytes"
    limits = [(limit, level) for level in hierarchy.levels if (limit := read_int(level / name)) is not None]
    return min(limits, key=lambda found: found[0], default=None)


def _group_used_mib(level: Path) -> int | None:
    """Charged memory without the page cache that the kernel drops first: that part is free to a script."""
    used = read_int(level / "memory.current")
    if used is None:
        used = read_int(level / "memory.usage_in_bytes")
    if used is None:
        return None
    statistics = read_table(level / "memory.stat")
    droppable = statistics.get("total_inactive_file", statistics.get("inactive_file", 0))
    return max(0, used - droppable) // MIB
