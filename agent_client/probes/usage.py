"""What a script uses, with all its descendants: CPU, memory, processes. Read from /proc; every value may be unknown.

GPU memory is not measured here: NVML may hang in a broken driver, and this runs in the thread that reports.
"""

import os
import resource
import time
from collections.abc import Callable

from agent_client import wire
from agent_client.process import proc

MIB = 1024 * 1024
UNKNOWN: wire.Usage = {"cpu_percent": None, "cpu_seconds": None, "memory_mib": None, "processes": None, "gpus": []}


class UsageMeter:
    """Measures everything below this process, which must be the subreaper of the script's family.

    To be made before the script ends; what the process has waited for until then was another's.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._measured_at = clock()
        self._own_peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._earlier_cpu_seconds = _finished_cpu_seconds()
        self._cpu_seconds = 0.0
        self._peak_mib = 0
        self.members: frozenset[tuple[int, int]] = frozenset()

    def sample(self) -> wire.Usage:
        """CPU percent is the mean since the last sample; 100 is one core. Finished processes count in cpu_seconds."""
        if proc.read_stat(os.getpid()) is None:
            return UNKNOWN
        stats = [stat for stat in proc.descendants(os.getpid()) if not stat.is_dead]
        self.members = frozenset((stat.pid, stat.start_ticks) for stat in stats)
        memory_mib = round(sum(stat.memory_bytes for stat in stats) / MIB)
        self._peak_mib = max(self._peak_mib, memory_mib)
        finished_cpu_seconds = _finished_cpu_seconds() - self._earlier_cpu_seconds
        cpu_seconds = max(self._cpu_seconds, finished_cpu_seconds + sum(stat.cpu_seconds for stat in stats))
        now = self._clock()
        elapsed_seconds = max(now - self._measured_at, 0.001)
        cpu_percent = 100.0 * (cpu_seconds - self._cpu_seconds) / elapsed_seconds
        self._measured_at, self._cpu_seconds = now, cpu_seconds
        return {
            "cpu_percent": round(cpu_percent, 1),
            "cpu_seconds": round(cpu_seconds, 2),
            "memory_mib": memory_mib,
            "processes": len(stats),
            "gpus": [],
        }

    def peak_memory_mib(self, largest_kib: int) -> int | None:
        """The largest sum seen in a sample, or the largest single process that has ended, if that was more.

        What a process used before it executed its program was ours and does not count; so nothing may be known.
        """
        if largest_kib > self._own_peak_kib:
            return max(self._peak_mib, round(largest_kib / 1024))
        return self._peak_mib or None


def _finished_cpu_seconds() -> float:
    """CPU time of every descendant that has ended and was waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
