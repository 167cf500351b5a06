"""Stops the main agent of a state directory from another process of its host: finds it by its lock, signals it once."""

import fcntl
import os
import signal
import time
from pathlib import Path

from agent_client.main_agent.local_wish import DRAIN, KILL

SIGNALS = {"leave": signal.SIGTERM, "drain": DRAIN, "kill": KILL}
SENTENCES = {
    "leave": "the main agent (pid {pid}) ends; scripts run on",
    "drain": "the main agent (pid {pid}) takes no new work and ends when the last script has ended",
    "kill": "the main agent (pid {pid}) kills its scripts and ends",
}
END_SECONDS = 10.0
POLL_SECONDS = 0.05


def stop(state_dir: Path, how: str) -> str | None:
    """The sentence of what happens now; None when no main agent holds the directory."""
    pid = holder(state_dir)
    if pid is None:
        return None
    try:
        os.kill(pid, SIGNALS[how])
    except ProcessLookupError:
        return None
    if how == "leave":
        _wait_free(state_dir)
    return SENTENCES[how].format(pid=pid)


def holder(state_dir: Path) -> int | None:
    """Its pid, which it wrote into the lock that it holds. A pid in a lock that is free is nobody's."""
    try:
        descriptor = os.open(state_dir / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 32).decode(errors="replace").strip()
        return int(text) if text.isdecimal() else None
    finally:
        os.close(descriptor)
    return None


def _wait_free(state_dir: Path) -> None:
    deadline = time.monotonic() + END_SECONDS
    while holder(state_dir) is not None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
