"""Counts the kernel's kills for lack of memory, to tell such an end from any other KILL. Judges nothing."""

import re
from pathlib import Path

from agent_client.process.cgroup.group import NO_GROUP, Group
from agent_client.process.proc import content

CGROUP_ROOT = Path("/sys/fs/cgroup")
OOM_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


class OomCounters:
    """The counters as they stood when the script began."""

    def __init__(self, group: Group = NO_GROUP) -> None:
        self._group = group
        self._before = {path: count for path in _counter_files() if (count := _read_counter(path)) is not None}

    def has_risen(self) -> bool:
        """Whether the kernel killed anything for memory since, in a control group or, without one, on the host."""
        return self._group.oom_kills() > 0 or any(
            (_read_counter(path) or 0) > was for path, was in self._before.items()
        )


def _counter_files() -> list[Path]:
    """The memory control group's own counter first (both versions), the host's otherwise."""
    try:
        lines = content("/proc/self/cgroup").decode("ascii", "replace").splitlines()
    except OSError:
        lines = []
    files = [path for line in lines for path in _files_of_line(line)]
    return [path for path in files if path.exists()] or [Path("/proc/vmstat")]


def _files_of_line(line: str) -> list[Path]:
    number, controllers, path = line.split(":", 2)
    if number == "0" and not controllers:
        return [CGROUP_ROOT / path.lstrip("/") / "memory.events"]
    if "memory" in controllers.split(","):
        return [CGROUP_ROOT / "memory" / path.lstrip("/") / "memory.oom_control"]
    return []


def _read_counter(path: Path) -> int | None:
    try:
        match = OOM_KILLS.search(content(str(path)).decode("ascii"))
    except (OSError, UnicodeDecodeError):
        return None
    return int(match[1]) if match else None
