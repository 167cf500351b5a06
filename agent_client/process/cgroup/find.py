"""Finds out, once at the start of a main agent, which control groups it may make for its scripts. Makes none for good.

No right to do so is no error: what is missing is None, and processes are then found by the other signs (family.py).
"""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from agent_client.probes.cgroup import PROC, Hierarchy, find_hierarchy
from agent_client.probes.text import read_text
from agent_client.process.cgroup.group import NAME_PREFIX

DELEGATED_SUBGROUP = "agent"  # DelegateSubgroup= of our systemd unit: what lies above it is ours to divide
NO_CONTROLLER = "kill"  # version 2 needs no controller for it


@dataclass(frozen=True)
class Roots:
    """The folders below which leaves can be made, by what the leaf is for."""

    kill: Path | None = None  # version 2: cgroup.kill
    freeze: Path | None = None  # version 1: freezer
    pids: Path | None = None
    memory: Path | None = None

    @property
    def tracks(self) -> bool:
        """Whether no process can leave the family of its script."""
        return self.kill is not None or self.freeze is not None

    def as_json(self) -> dict[str, str]:
        return {use: str(path) for use, path in asdict(self).items() if path is not None}

    @classmethod
    def from_json(cls, value: Mapping[str, str]) -> "Roots":
        return cls(**{field.name: Path(value[field.name]) for field in fields(cls) if value.get(field.name)})


def find_roots(proc: Path = PROC) -> Roots:
    unified = find_hierarchy(NO_CONTROLLER, proc)
    root = _usable(_divided(unified)) if unified and unified.version == 2 else None
    kill = root if root and _can_kill(root) else None
    return Roots(
        kill=kill,
        freeze=None if kill else _usable(_own(find_hierarchy("freezer", proc))),
        pids=_limiting("pids", root, proc),
        memory=_limiting("memory", root, proc),
    )


def described(roots: Roots, max_processes: int) -> str:
    """For people: how processes of scripts are found, and whether their number is limited."""
    if roots.kill:
        how = "control groups (version 2)"
    elif roots.freeze:
        how = "control groups (version 1, freezer)"
    else:
        how = "process groups, adopted orphans and a mark in the environment; no control group can be made here"
    limit = f"; at most {max_processes} processes for each script" if roots.pids and max_processes else ""
    return how + limit


def sweep(roots: Roots, owner: str, known: set[str]) -> None:
    """Remove leaves of this main agent whose sub agents are forgotten; the kernel refuses where a process is left."""
    for root in {Path(path) for path in roots.as_json().values()}:
        for leaf in root.glob(f"{NAME_PREFIX}{owner}-*"):
            if leaf.name.removeprefix(f"{NAME_PREFIX}{owner}-").rpartition("-")[0] not in known:
                with contextlib.suppress(OSError):
                    leaf.rmdir()


def _own(hierarchy: Hierarchy | None) -> Path | None:
    return hierarchy.levels[0] if hierarchy else None


def _divided(hierarchy: Hierarchy) -> Path:
    """Version 2 allows controllers only below a group without processes: a delegated parent, never the host's root."""
    own = hierarchy.levels[0]
    is_delegated = own.name == DELEGATED_SUBGROUP and len(hierarchy.levels) > 1
    if not (is_delegated and _usable(own.parent)):
        return own
    for controller in ("pids", "memory"):
        with contextlib.suppress(OSError):
            (own.parent / "cgroup.subtree_control").write_text(f"+{controller}", "ascii")
    return own.parent


def _limiting(controller: str, root: Path | None, proc: Path) -> Path | None:
    hierarchy = find_hierarchy(controller, proc)
    if hierarchy and hierarchy.version == 1:
        return _usable(_own(hierarchy))
    enabled = (read_text(root / "cgroup.subtree_control") or "").split() if root else []
    return root if controller in enabled else None


def _usable(root: Path | None) -> Path | None:
    """The proof is to do it: rights, read-only mounts and name spaces all have their say."""
    if root is None:
        return None
    probe = root / f"{NAME_PREFIX}probe-{os.getpid()}"
    try:
        probe.mkdir()
    except OSError:
        return None
    try:
        return (
            root if os.access(probe / "cgroup.procs", os.W_OK) and os.access(root / "cgroup.procs", os.W_OK) else None
        )
    finally:
        with contextlib.suppress(OSError):
            probe.rmdir()


def _can_kill(root: Path) -> bool:
    """Linux 5.14 and later."""
    probe = root / f"{NAME_PREFIX}probe-{os.getpid()}"
    try:
        probe.mkdir()
        return (probe / "cgroup.kill").exists()
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            probe.rmdir()
