"""Control groups for tests: what this machine allows, and processes that cannot be killed. Holds no test."""

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agent_client.process.cgroup.find import Roots, find_roots
from agent_client.process.proc import read_stat
from tests.waiting import wait_until

FREEZER = Path("/sys/fs/cgroup/freezer")
MEMORY = Path("/sys/fs/cgroup/memory")
FOUND = find_roots()

needs_group = pytest.mark.skipif(not FOUND.tracks, reason="no control group can be made here")
needs_pids = pytest.mark.skipif(FOUND.pids is None, reason="no pids control group can be made here")
needs_freezer = pytest.mark.skipif(not os.access(FREEZER, os.W_OK), reason="no freezer of version 1 here")
needs_memory = pytest.mark.skipif(not os.access(MEMORY, os.W_OK), reason="no memory control group of version 1 here")


def limits(roots: Roots = FOUND, max_processes: int = 0, enforce_memory: bool = False) -> dict[str, object]:
    """What a main agent writes into grant.json."""
    return {
        "cgroups": roots.as_json(),
        "owner": f"t{os.getpid()}",
        "max_processes": max_processes,
        "enforce_memory": enforce_memory,
    }


@contextmanager
def own_group(hierarchy: Path) -> Iterator[Path]:
    """A group of the test's own; whatever is left in it is killed."""
    path = hierarchy / f"test-{uuid.uuid4().hex[:12]}"
    path.mkdir()
    try:
        yield path
    finally:
        for pid in pids_in(path):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not pids_in(path), what="an empty control group")
        path.rmdir()


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """As good as a wait in the kernel that nothing interrupts: a frozen process does not die of KILL until thawed."""
    with own_group(FREEZER) as path:
        for pid in pids:
            (path / "cgroup.procs").write_text(str(pid))
        (path / "freezer.state").write_text("FROZEN")
        wait_until(lambda: (path / "freezer.state").read_text().strip() == "FROZEN", what="the freeze")
        try:
            yield
        finally:
            (path / "freezer.state").write_text("THAWED")


def pids_in(path: Path) -> list[int]:
    return [int(line) for line in (path / "cgroup.procs").read_text().split()]


def is_gone(pid: int) -> bool:
    stat = read_stat(pid)
    return stat is None or stat.is_dead


def sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["sleep", "300"])
