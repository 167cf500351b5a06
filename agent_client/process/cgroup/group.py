"""The control groups of one attempt: one leaf in each hierarchy that is of use, or none at all.

Every call is harmless where there is none. Knows no script and decides nothing; the kernel's own words are in v1, v2.
"""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent_client.process.cgroup import v1, v2

NAME_PREFIX = "nightshift-"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Group:
    """`paths` by what each is for: kill (version 2), freeze (version 1), pids, memory."""

    paths: Mapping[str, Path] = field(default_factory=dict)

    @property
    def tracks(self) -> bool:
        """Whether it holds every process of the attempt and can end them all."""
        return "kill" in self.paths or "freeze" in self.paths

    def joins(self) -> list[Path]:
        """Files that take the process in which writes 0 to them; its children are born there."""
        return [path / "cgroup.procs" for path in self._folders()]

    def pids(self) -> frozenset[int]:
        """Those that are in it now."""
        return frozenset(pid for path in self._folders() for pid in _pids(path))

    def kill(self) -> None:
        """End every process in it, also one that forks as fast as it can. Says nothing of who resists."""
        with contextlib.suppress(OSError):
            if "kill" in self.paths:
                v2.kill(self.paths["kill"])
            elif "freeze" in self.paths:
                v1.kill(self.paths["freeze"], lambda: _pids(self.paths["freeze"]))

    def oom_kills(self) -> int:
        """How often the kernel killed in it for its memory limit."""
        path = self.paths.get("memory")
        return 0 if path is None else _counter(path, ("memory.events", "memory.oom_control"), "oom_kill")

    def refused_forks(self) -> int:
        """How often a process was not made because of the limit."""
        path = self.paths.get("pids")
        return 0 if path is None else _counter(path, ("pids.events",), "max")

    def remove(self) -> bool:
        """False when a process is still in it."""
        is_gone = True
        for path in self._folders():
            try:
                path.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                is_gone = False
        return is_gone

    def as_json(self) -> dict[str, str]:
        return {use: str(path) for use, path in self.paths.items()}

    def _folders(self) -> set[Path]:
        return set(self.paths.values())


NO_GROUP = Group()


def make(roots: Mapping[str, str], name: str, max_processes: int = 0, memory_mib: int | None = None) -> Group:
    """Make the leaves of one attempt. `memory_mib` None: memory is not limited. What cannot be made is left out."""
    wanted = {"kill", "freeze"} | ({"pids"} if max_processes else set()) | ({"memory"} if memory_mib else set())
    paths: dict[str, Path] = {}
    for use in sorted(wanted & set(roots)):
        path = Path(roots[use]) / f"{NAME_PREFIX}{name}"
        try:
            path.mkdir(exist_ok=True)
            if use == "pids":
                (path / "pids.max").write_text(str(max_processes), "ascii")
            elif use == "memory":
                _limit_memory(path, (memory_mib or 0) * MIB)
        except OSError:
            continue
        paths[use] = path
    return Group(paths)


def _limit_memory(path: Path, limit_bytes: int) -> None:
    version_2 = path / "memory.max"
    (version_2 if version_2.exists() else path / "memory.limit_in_bytes").write_text(str(limit_bytes), "ascii")
    if version_2.exists():
        with contextlib.suppress(OSError):  # without swap accounting there is no such file
            (path / "memory.swap.max").write_text("0", "ascii")


def _pids(path: Path) -> list[int]:
    try:
        return [int(line) for line in (path / "cgroup.procs").read_text("ascii").split()]
    except (OSError, ValueError):
        return []


def _counter(path: Path, names: tuple[str, ...], key: str) -> int:
    for name in names:
        try:
            match = re.search(rf"^{key} (\d+)$", (path / name).read_text("ascii"), re.MULTILINE)
        except (OSError, UnicodeDecodeError):
            continue
        if match:
            return int(match[1])
    return 0
