"""Finds the sub agent whose script a process belongs to, for the few processes that a driver lists. Only looks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent_client.journal import scan
from agent_client.process import proc
from agent_client.process.family import COOKIE_NAME
from agent_client.process.proc import ProcessStat
from agent_client.sub_agent_dir import SubAgentDir, Unreadable

FIRST_NAMESPACE = "pid:[4026531836]"  # the kernel's fixed number of the pid namespace that it boots with
LONGEST_LINE = 64


@dataclass(frozen=True)
class _Marks:
    """How to recognise the processes of one script."""

    sub_agent_id: str
    script_pid: int
    script_start_ticks: int
    cookie: bytes
    seen: frozenset[tuple[int, int]]

    def fit(self, stat: ProcessStat) -> bool:
        if (stat.pid, stat.start_ticks) in self.seen:
            return True
        if stat.start_ticks < self.script_start_ticks:
            return False
        is_in_group = self.script_pid in (stat.pid, stat.group_id, stat.session_id)
        return is_in_group or proc.has_in_environment(stat.pid, self.cookie)


class GpuOwners:
    """Remembers what it found: whose a process is does not change while it lives."""

    def __init__(self, sub_agents: Path, sees_everyone: bool) -> None:
        self._sub_agents = sub_agents
        self._sees_everyone = sees_everyone
        self._known: dict[tuple[int, int], str] = {}

    def __call__(self, pids: Iterable[int]) -> dict[int, str | None]:
        """A sub agent's id, "" for somebody else, None when it cannot be told.

        In a container the driver's numbers may be those of the host: what is not seen here may still be ours. What a
        sub agent has left behind when it ended is nobody's any more.
        """
        stats = {pid: proc.read_stat(pid) for pid in pids}
        present = {(stat.pid, stat.start_ticks): stat for stat in stats.values() if stat is not None}
        self._known = {key: owner for key, owner in self._known.items() if key in present}
        strangers = [stat for key, stat in present.items() if key not in self._known]
        if strangers:
            marks = list(_marks(self._sub_agents))
            self._known |= {(stat.pid, stat.start_ticks): _owner(stat, marks) for stat in strangers}
        return {pid: self._answer(stat) for pid, stat in stats.items()}

    def _answer(self, stat: ProcessStat | None) -> str | None:
        if stat is None:
            return "" if self._sees_everyone else None
        owner = self._known[stat.pid, stat.start_ticks]
        return owner if owner and SubAgentDir(self._sub_agents / owner).is_alive() else ""


def in_first_namespace() -> bool:
    try:
        return Path("/proc/self/ns/pid").readlink().name == FIRST_NAMESPACE
    except OSError:
        return False


def _owner(stat: ProcessStat, marks: list[_Marks]) -> str:
    for ancestor in _line(stat):
        for mark in marks:
            if mark.fit(ancestor):
                return mark.sub_agent_id
    return ""


def _line(stat: ProcessStat) -> Iterator[ProcessStat]:
    """The process, its parent, and so on."""
    found: ProcessStat | None = stat
    for _ in range(LONGEST_LINE):
        if found is None:
            return
        yield found
        found = proc.read_stat(found.parent_pid) if found.parent_pid > 1 else None


def _marks(sub_agents: Path) -> Iterator[_Marks]:
    for record in scan(sub_agents).records:
        folder = SubAgentDir(sub_agents / record.sub_agent_id)
        try:
            started = folder.read_whole_started() if record.is_alive else None
        except Unreadable:
            continue
        if started is not None:
            cookie = f"{COOKIE_NAME}={started['cookie']}\0".encode()
            ticks = started["pid_start_ticks"] or 0
            yield _Marks(record.sub_agent_id, started["pid"], ticks, cookie, folder.read_family())
