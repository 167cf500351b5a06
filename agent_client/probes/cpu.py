"""How many CPU cores this host gives us and how busy they are. Knows nothing of single scripts (see usage.py)."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from agent_client.probes.cgroup import PROC, Hierarchy, find_hierarchy
from agent_client.probes.text import read_int, read_table, read_text

SHORTEST_SPAN_SECONDS = 0.05


@dataclass(frozen=True)
class CpuQuota:
    """The tightest quota above this process: `cores` (may be a fraction) and the group that has it."""

    cores: float
    level: Path
    hierarchy: Hierarchy


def cpu_cores(proc: Path = PROC, affinity: Callable[[], set[int] | None] | None = None) -> float | None:
    """Cores that may be used: the smallest of cgroup quota, cpuset and affinity; else what the machine has."""
    quota, cpuset = find_quota(proc), cpuset_cpus(proc)
    bound_to = (affinity or affinity_cpus)()
    bounds = [float(len(cpus)) for cpus in (cpuset, bound_to) if cpus]
    if quota:
        bounds.append(quota.cores)
    if bounds:
        return round(min(bounds), 2)
    count = psutil.cpu_count()
    return float(count) if count else None


def find_quota(proc: Path = PROC) -> CpuQuota | None:
    """A limit of any group above counts, so the smallest one of all levels is the true one."""
    hierarchy = find_hierarchy("cpu", proc)
    if hierarchy is None:
        return None
    read = _quota_v2 if hierarchy.version == 2 else _quota_v1
    found = [CpuQuota(cores, level, hierarchy) for level in hierarchy.levels if (cores := read(level)) is not None]
    return min(found, key=lambda quota: quota.cores, default=None)


def _quota_v2(level: Path) -> float | None:
    words = (read_text(level / "cpu.max") or "").split()
    if len(words) != 2 or not words[0].isdigit() or not words[1].isdigit() or int(words[1]) == 0:
        return None  # "max 100000": no quota
    return int(words[0]) / int(words[1])


def _quota_v1(level: Path) -> float | None:
    quota, period = read_int(level / "cpu.cfs_quota_us"), read_int(level / "cpu.cfs_period_us")
    return quota / period if quota and period and quota > 0 else None


def cpuset_cpus(proc: Path = PROC) -> set[int] | None:
    """The CPUs of the nearest group that names some; None when no cpuset binds us."""
    hierarchy = find_hierarchy("cpuset", proc)
    for level in hierarchy.levels if hierarchy else ():
        for name in ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"):
            cpus = parse_cpu_list(read_text(level / name) or "")
            if cpus:
                return cpus
    return None


def affinity_cpus() -> set[int] | None:
    try:
        return os.sched_getaffinity(0)
    except (AttributeError, OSError):
        return None


def parse_cpu_list(text: str) -> set[int]:
    """`0-3,8` -> {0, 1, 2, 3, 8}; text of another shape gives the empty set."""
    cpus: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            return set()
        cpus.update(range(int(first), int(last or first) + 1))
    return cpus


class CpuMeter:
    """Percent of the usable cores that was busy between two readings; None until there are two."""

    def __init__(self, proc: Path = PROC, clock: Callable[[], float] = time.monotonic) -> None:
        self._proc = proc
        self._clock = clock
        self._last: tuple[float, float] | None = None
        self._percent: float | None = None

    def read(self) -> float | None:
        cores = cpu_cores(self._proc)
        now, busy = self._clock(), self._busy_seconds()
        if busy is None or not cores:
            return None
        if self._last and now - self._last[0] < SHORTEST_SPAN_SECONDS:
            return self._percent
        if self._last:
            share = (busy - self._last[1]) / ((now - self._last[0]) * cores)
            self._percent = round(min(max(share * 100, 0.0), 100.0), 1)
        self._last = (now, busy)
        return self._percent

    def _busy_seconds(self) -> float | None:
        quota = find_quota(self._proc)
        used = group_cpu_seconds(quota, self._proc) if quota else None
        return used if used is not None else machine_busy_seconds(cpuset_cpus(self._proc) or affinity_cpus())


def group_cpu_seconds(quota: CpuQuota, proc: Path = PROC) -> float | None:
    """CPU time that the group of `quota` has used."""
    if quota.hierarchy.version == 2:
        used = read_table(quota.level / "cpu.stat").get("usage_usec")
        return None if used is None else used / 1e6
    accounting = find_hierarchy("cpuacct", proc)
    nanoseconds = read_int(accounting.like(quota.hierarchy, quota.level) / "cpuacct.usage") if accounting else None
    return None if nanoseconds is None else nanoseconds / 1e9


def machine_busy_seconds(cpus: set[int] | None) -> float | None:
    """Time that `cpus` (None: all) were not idle since boot."""
    try:
        times = psutil.cpu_times(percpu=True)
    except (OSError, RuntimeError):
        return None
    chosen = [spent for number, spent in enumerate(times) if cpus is None or number in cpus]
    return sum(sum(spent[:8]) - spent.idle - getattr(spent, "iowait", 0.0) for spent in chosen)  # guest is in user
