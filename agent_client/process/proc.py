"""Reads /proc: who a process is, whose child it is, what it uses. Every answer may be None: gone, or hidden from us."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class ProcessStat:
    """One line of /proc/PID/stat. `start_ticks` together with the pid names a process for the whole boot."""

    pid: int
    state: str
    parent_pid: int
    group_id: int
    session_id: int
    start_ticks: int
    cpu_seconds: float  # with the children it has waited for
    memory_bytes: int

    @property
    def is_dead(self) -> bool:
        return self.state in "ZXx"


def boot_id() -> str:
    """The kernel's name of this boot: another one proves that all processes of the last are gone. Empty if hidden."""
    try:
        return content(f"{PROC}/sys/kernel/random/boot_id").decode("ascii").strip()
    except OSError:
        return ""


def read_stat(pid: int) -> ProcessStat | None:
    try:
        line = content(f"/proc/{pid}/stat")
    except OSError:
        return None
    return parse_stat(line)


def content(path: str) -> bytes:
    """Straight from the kernel: this is read each second for every process of a script, and Path would cost thrice."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(descriptor, 65536):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def parse_stat(line: bytes) -> ProcessStat | None:
    """The name in parentheses may hold spaces, parentheses and newlines: what counts begins after the last one."""
    head, parenthesis, tail = line.rpartition(b")")
    fields = tail.split()
    if not parenthesis or len(fields) < 22:
        return None
    return ProcessStat(
        pid=int(head.split(b" ", 1)[0]),
        state=fields[0].decode("ascii", "replace"),
        parent_pid=int(fields[1]),
        group_id=int(fields[2]),
        session_id=int(fields[3]),
        start_ticks=int(fields[19]),
        cpu_seconds=sum(int(ticks) for ticks in fields[11:15]) / TICKS_PER_SECOND,
        memory_bytes=int(fields[21]) * PAGE_BYTES,
    )


def own_status() -> dict[str, str]:
    """What /proc/self/status says, by its words. OSError where /proc is hidden."""
    lines = content("/proc/self/status").decode("ascii", "replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def start_ticks(pid: int) -> int | None:
    stat = read_stat(pid)
    return stat.start_ticks if stat else None


def all_stats() -> Iterator[ProcessStat]:
    """Every process that we may see; none where /proc is hidden."""
    try:
        names = os.listdir(PROC)  # noqa: PTH208 (a Path per process would double the cost of a scan)
    except OSError:
        return
    for name in names:
        stat = read_stat(int(name)) if name.isdigit() else None
        if stat is not None:
            yield stat


def descendants(root_pid: int) -> list[ProcessStat]:
    """Everything below `root_pid`, at a cost that grows with the family and not with the host."""
    found: list[ProcessStat] = []
    waiting = children(root_pid)
    seen = {root_pid}
    while waiting:
        pid = waiting.pop()
        stat = None if pid in seen else read_stat(pid)
        seen.add(pid)
        if stat is not None:
            found.append(stat)
            waiting.extend(children(pid))
    return found


def children(pid: int) -> list[int]:
    """Children of every thread of the process."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            found += [int(child) for child in content(f"/proc/{pid}/task/{thread}/children").split()]
    except OSError:
        pass
    return found


def has_in_environment(pid: int, needle: bytes) -> bool:
    """Whether the process was started with `needle` in its environment, as far as we may look."""
    try:
        return needle in content(f"/proc/{pid}/environ")
    except OSError:
        return False
