"""Finds every process that a script has brought into the world. It only looks; whoever asks may then signal.

A process belongs to the family when it is in the attempt's control group, below the subreaper, in the script's group or
session, carries the cookie in its environment, was seen in the family before, or descends from one of these. Control
groups are not to be had everywhere, and of the other signs none is enough: a daemon leaves group and session, `env -i`
drops the cookie, and the tree is gone once the sub agent is dead. The number of a process group may be given to
strangers once it is empty; see `_group_ends_at`.
"""

import math
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from agent_client.process import proc
from agent_client.process.cgroup.group import NO_GROUP, Group
from agent_client.process.proc import ProcessStat

COOKIE_NAME = "TASK_COOKIE"


@dataclass(frozen=True)
class Family:
    """How to recognise the family of one script. `subreaper_pid` is None when the sub agent is dead.

    `alive_until_ticks`: the last sign of life of a dead sub agent, in ticks as of ProcessStat.start_ticks.
    """

    script_pid: int
    script_start_ticks: int | None
    cookie: str
    subreaper_pid: int | None = None
    seen: frozenset[tuple[int, int]] = frozenset()
    alive_until_ticks: float | None = None
    group: Group = NO_GROUP

    def members(self) -> list[ProcessStat]:
        """Those alive now, found by a scan of all processes; never ourselves."""
        everyone = [stat for stat in proc.all_stats() if stat.pid != os.getpid()]
        group_ends_at = self._group_ends_at(everyone)
        roots = {stat.pid for stat in everyone if self._is_marked(stat, group_ends_at)}
        if self.subreaper_pid is not None:
            roots |= {stat.pid for stat in everyone if stat.parent_pid == self.subreaper_pid}
        roots |= self.group.pids()
        return [stat for stat in with_descendants(everyone, roots) if not stat.is_dead]

    def _is_marked(self, stat: ProcessStat, group_ends_at: float) -> bool:
        if (stat.pid, stat.start_ticks) in self.seen:
            return True
        if self.script_start_ticks is not None and stat.start_ticks < self.script_start_ticks:
            return False
        if stat.pid == self.script_pid:
            return stat.start_ticks == self.script_start_ticks
        return (self._is_in_group(stat) and stat.start_ticks <= group_ends_at) or self._has_cookie(stat)

    def _is_in_group(self, stat: ProcessStat) -> bool:
        return self.script_pid in (stat.group_id, stat.session_id)

    def _group_ends_at(self, everyone: Collection[ProcessStat]) -> float:
        """Up to which start the script's pid names its own group: always, never, or while the sub agent lived.

        Always while its leader or another proven member lives: the kernel gives no number away that is in use.
        """
        for stat in everyone:
            if stat.pid == self.script_pid:
                return math.inf if stat.start_ticks == self.script_start_ticks else -math.inf
        if any(self._is_proven(stat) for stat in everyone if self._is_in_group(stat)):
            return math.inf
        return -math.inf if self.alive_until_ticks is None else self.alive_until_ticks

    def _is_proven(self, stat: ProcessStat) -> bool:
        return (stat.pid, stat.start_ticks) in self.seen or self._has_cookie(stat)

    def _has_cookie(self, stat: ProcessStat) -> bool:
        return not stat.is_dead and proc.has_in_environment(stat.pid, f"{COOKIE_NAME}={self.cookie}\0".encode())


def with_descendants(everyone: Iterable[ProcessStat], roots: Collection[int]) -> list[ProcessStat]:
    """`roots` and all that descend from them, within one snapshot. Pure."""
    by_parent: dict[int, list[ProcessStat]] = {}
    by_pid: dict[int, ProcessStat] = {}
    for stat in everyone:
        by_parent.setdefault(stat.parent_pid, []).append(stat)
        by_pid[stat.pid] = stat
    found: dict[int, ProcessStat] = {}
    waiting = [by_pid[pid] for pid in roots if pid in by_pid]
    while waiting:
        stat = waiting.pop()
        if stat.pid not in found:
            found[stat.pid] = stat
            waiting.extend(by_parent.get(stat.pid, []))
    return list(found.values())
