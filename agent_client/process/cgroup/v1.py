"""How a control group of version 1 ends what is in it: freeze, kill, thaw, so that nobody forks meanwhile."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

FREEZE_PATIENCE_SECONDS = 0.5
POLL_SECONDS = 0.005


def kill(path: Path, pids: Callable[[], Iterable[int]]) -> None:
    """Frozen processes keep their pids, so none of these can be a stranger's; they die when they are thawed."""
    state = path / "freezer.state"
    state.write_text("FROZEN", "ascii")
    try:
        _wait_frozen(state)
        for pid in pids():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
    finally:
        state.write_text("THAWED", "ascii")


def _wait_frozen(state: Path) -> None:
    """A process that waits for a disk is frozen late; the others need not live on for it."""
    deadline = time.monotonic() + FREEZE_PATIENCE_SECONDS
    while state.read_text("ascii").strip() != "FROZEN" and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
