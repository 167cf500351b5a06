"""What a life leaves behind in its process, to tell one that is as after its fork from one that must end.

Besides what a fault of ours could leave, what a script of the same user can do to its parent: the next script would
inherit it. Only looks. What a life changes on purpose and for good (subreaper, OOM score, session) every life sets
alike.
"""

import logging
import os
import resource
import time
from dataclasses import dataclass

from agent_client.process import proc

THREAD_ENDS_SECONDS = 0.05
POLL_SECONDS = 0.001
SIGNALS = ("SigBlk", "SigIgn", "SigCgt")  # blocked, ignored, handled
OF_THE_C_LIBRARY = 0b11 << 31  # 32 and 33, which it handles from the first thread on, and which nobody else can set
LIMITS = sorted(number for name, number in vars(resource).items() if name.startswith("RLIMIT_"))


@dataclass(frozen=True)
class Traces:
    descriptors: frozenset[str]
    signals: tuple[int, ...]
    log_handlers: tuple[logging.Handler, ...]
    folder: str
    umask: int
    priority: int
    cores: frozenset[int]
    limits: tuple[tuple[int, int], ...]
    control_groups: str
    threads: int
    has_children: bool

    @classmethod
    def here(cls) -> "Traces":
        """Of this process now, which must have one thread in Python, as the kernel knows it. OSError where it says
        nothing."""
        status = proc.own_status()
        return cls(
            descriptors=frozenset(os.listdir("/proc/self/fd")),  # noqa: PTH208 (names are enough)
            signals=tuple(int(status.get(name, "0"), 16) & ~OF_THE_C_LIBRARY for name in SIGNALS),
            log_handlers=tuple(logging.getLogger().handlers),
            folder=os.getcwd(),  # noqa: PTH109
            umask=_umask(),
            priority=os.getpriority(os.PRIO_PROCESS, 0),
            cores=frozenset(os.sched_getaffinity(0)),
            limits=tuple(resource.getrlimit(number) for number in LIMITS),
            control_groups=_control_groups(),
            threads=_threads(),
            has_children=_has_children(),
        )


def _control_groups() -> str:
    try:
        return proc.content("/proc/self/cgroup").decode("ascii", "replace")
    except OSError:
        return ""


def _umask() -> int:
    """Older kernels tell it only to who sets it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _threads() -> int:
    """As the kernel counts them. One that has been joined may still be on its last instructions."""
    ends_at = time.monotonic() + THREAD_ENDS_SECONDS
    while (count := len(os.listdir("/proc/self/task"))) > 1 and time.monotonic() < ends_at:  # noqa: PTH208
        time.sleep(POLL_SECONDS)
    return count


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
