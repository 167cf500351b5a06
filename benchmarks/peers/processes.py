"""CPU of the machine, memory of a peer's processes, and their beginning and end. Knows no peer."""

import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.peer import Peer

OF_SCRIPTS = ("bash", "sleep")
END_SECONDS = 15


def busy_seconds() -> float:
    """CPU time that the whole machine has spent: user, nice, system, interrupts."""
    values = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return sum(values[index] for index in (0, 1, 2, 5, 6)) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Memory:
    """PSS in MB: of the peer itself and of the scripts it runs."""

    own: float
    scripts: float
    processes: int


def memory_of(peer: Peer) -> Memory:
    family = family_of(peer)
    own = sum(memory_of_process(pid) for pid, name in family.items() if name not in OF_SCRIPTS)
    scripts = sum(memory_of_process(pid) for pid, name in family.items() if name in OF_SCRIPTS)
    return Memory(own, scripts, len(family))


def family_of(peer: Peer) -> dict[int, str]:
    """Its processes by id, with their names: the trees under its pids, and whatever has one of its names."""
    names, children = _all()
    waiting = [*peer.pids(), *(pid for pid, name in names.items() if name in peer.commands)]
    found: dict[int, str] = {}
    while waiting:
        pid = waiting.pop()
        if pid in names and pid not in found:
            found[pid] = names[pid]
            waiting += children[pid]
    found.pop(os.getpid(), None)
    return found


def end_scripts(peer: Peer) -> None:
    for pid, name in family_of(peer).items():
        if name in OF_SCRIPTS:
            with suppress(ProcessLookupError):
                os.kill(pid, 15)


def begun(*command: str, **options: Any) -> "subprocess.Popen[Any]":
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    return subprocess.Popen(command, **{**quiet, **options})


def ended(*processes: "subprocess.Popen[Any] | None") -> None:
    """SIGTERM to all, SIGKILL to those that stay."""
    alive = [process for process in processes if process is not None and process.poll() is None]
    for process in alive:
        process.terminate()
    for process in alive:
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _all() -> tuple[dict[int, str], dict[int, list[int]]]:
    names: dict[int, str] = {}
    children: dict[int, list[int]] = defaultdict(list)
    for pid, stat in _stats():
        names[pid] = stat[stat.index("(") + 1 : stat.rindex(")")]
        children[int(stat[stat.rindex(")") + 2 :].split()[1])].append(pid)
    return names, children


def _stats() -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                yield int(folder.name), (folder / "stat").read_text()


def memory_of_process(pid: int) -> float:
    """Its PSS in MB, 0 when it has gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
