"""Finds the control groups of this process, version 1 or 2, nested or inside a container. Reads no limit itself."""

from dataclasses import dataclass
from pathlib import Path

from agent_client.probes.text import read_text

PROC = Path("/proc")


@dataclass(frozen=True)
class Hierarchy:
    """The folders that bind this process for one controller, from its own group up to the mount point."""

    version: int
    levels: tuple[Path, ...]

    @property
    def mount_point(self) -> Path:
        return self.levels[-1]

    def like(self, other: "Hierarchy", level: Path) -> Path:
        """The folder of this hierarchy at the same place as `level` is in `other`."""
        return self.mount_point / level.relative_to(other.mount_point)


@dataclass(frozen=True)
class _Mount:
    root: str
    point: Path
    is_v2: bool
    options: frozenset[str]


def find_hierarchy(controller: str, proc: Path = PROC) -> Hierarchy | None:
    """The groups that bind this process for `controller` ("cpu", "memory", ...); None where there are none."""
    paths = _group_paths(proc)
    mounts = _mounts(proc)
    if controller in paths:
        mount = next((m for m in mounts if not m.is_v2 and controller in m.options), None)
        return Hierarchy(1, _levels(mount, paths[controller])) if mount else None
    mount = next((m for m in mounts if m.is_v2), None)
    return Hierarchy(2, _levels(mount, paths[""])) if mount and "" in paths else None


def _group_paths(proc: Path) -> dict[str, str]:
    """Controller -> path from /proc/self/cgroup; the unified hierarchy has the empty name."""
    paths: dict[str, str] = {}
    for line in (read_text(proc / "self" / "cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, separator, path = rest.partition(":")
        if separator:
            paths.update(dict.fromkeys(controllers.split(","), path))
    return paths


def _mounts(proc: Path) -> list[_Mount]:
    found = []
    for line in (read_text(proc / "self" / "mountinfo") or "").splitlines():
        before, separator, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if separator and len(fields) >= 5 and len(kind) >= 3 and kind[0] in ("cgroup", "cgroup2"):
            options = frozenset(kind[2].split(","))
            found.append(_Mount(_unescape(fields[3]), Path(_unescape(fields[4])), kind[0] == "cgroup2", options))
    return found


def _unescape(text: str) -> str:
    """mountinfo writes blanks as octal escapes."""
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")


def _levels(mount: _Mount, path: str) -> tuple[Path, ...]:
    leaf = mount.point / _below(mount.root, path).strip("/")
    if not leaf.is_dir():  # a container without its own cgroup namespace sees only the mount point
        leaf = mount.point
    above = [parent for parent in leaf.parents if parent.is_relative_to(mount.point)]
    return (leaf, *above)


def _below(root: str, path: str) -> str:
    """`path` seen from the mount's root; paths outside the mount are shown with `..` and mean the mount itself."""
    if ".." in path.split("/"):
        return ""
    prefix = root.rstrip("/")
    if prefix and (path == prefix or path.startswith(prefix + "/")):
        return path[len(prefix) :]
    return path
