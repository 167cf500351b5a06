"""Finds the process that holds a lock, so that a signal reaches the agent itself. Sends none."""

from dataclasses import dataclass
from pathlib import Path

from agent_client.process.proc import PROC, read_stat
from agent_client.sub_agent_dir import SubAgentDir


@dataclass(frozen=True)
class Holder:
    pid: int
    start_ticks: int
    waits_for_disk: bool = False


def find_holder(folder: SubAgentDir) -> Holder | None:
    """By the kernel's list of locks, else as the parent of the script; None when neither is to be seen."""
    pid = pid_of_lock(folder.lock_path) or _parent_of_script(folder)
    stat = read_stat(pid) if pid else None
    return Holder(stat.pid, stat.start_ticks, waits_for_disk=stat.state == "D") if stat else None


def pid_of_lock(path: Path, locks: Path = PROC / "locks") -> int | None:
    """Lines look like `1: FLOCK  ADVISORY  WRITE 812 fe:01:2241 0 EOF`; `->` marks one that only waits."""
    try:
        inode, lines = str(path.stat().st_ino), locks.read_text().splitlines()
    except OSError:
        return None
    for words in (line.split() for line in lines):
        if len(words) >= 6 and words[1] == "FLOCK" and words[5].rpartition(":")[2] == inode and words[4].isdigit():
            pid = int(words[4])
            if pid and has_open(pid, path):
                return pid
    return None


def has_open(pid: int, path: Path) -> bool:
    """Inode numbers repeat between file systems: the holder must have this very file open."""
    try:
        return any(entry.readlink() == path.resolve() for entry in (PROC / str(pid) / "fd").iterdir())
    except OSError:
        return False


def _parent_of_script(folder: SubAgentDir) -> int | None:
    started = folder.read_started()
    script = read_stat(started["pid"]) if started else None
    if started is None or script is None or script.start_ticks != started["pid_start_ticks"]:
        return None
    return script.parent_pid if script.parent_pid > 1 else None
