"""Stops the main agent of a state directory from another process of its host: finds it by its lock, signals it once."""

import fcntl
import os
import signal
import time
from pathlib import Path

from agent_client.main_agent.local_wish import DRAIN, KILL
from agent_client.main_agent.lock_holder import has_open, pid_of_lock
from agent_client.main_agent.state_dir import StateDirError
from agent_client.process.proc import PROC

SIGNALS = {"leave": signal.SIGTERM, "drain": DRAIN, "kill": KILL}
SENTENCES = {
    "leave": "the main agent (pid {pid}) ends; scripts run on",
    "drain": "the main agent (pid {pid}) takes no new work and ends when the last script has ended",
    "kill": "the main agent (pid {pid}) kills its scripts and ends",
}
END_SECONDS = 10.0
SEEN_SECONDS = 1.0
POLL_SECONDS = 0.05


def stop(state_dir: Path, how: str) -> str | None:
    """The sentence of what happens now; None when no main agent holds the directory. Raises StateDirError."""
    pid = holder(state_dir)
    if pid is None:
        return None
    if how != "leave" and not heeds(pid, SIGNALS[how]):
        raise StateDirError(f"the main agent (pid {pid}) does not know --{how}: it is just starting, or an older one")
    try:
        os.kill(pid, SIGNALS[how])
    except ProcessLookupError:
        return None
    if how == "leave":
        _wait_free(state_dir)
    return SENTENCES[how].format(pid=pid)


def holder(state_dir: Path) -> int | None:
    """Its pid, which it wrote into the lock that it holds. A pid in a lock that is free is nobody's.

    Raises StateDirError when the number is not to be trusted: in another container it names another process.
    """
    lock, deadline = state_dir / "lock", time.monotonic() + SEEN_SECONDS
    while (noted := _noted_pid(lock)) is not None:
        if (pid := _proven(lock, noted)) is not None:
            return pid
        if time.monotonic() > deadline:  # until then it may just be ending
            raise StateDirError(f"a main agent is using {state_dir}, but it is not to be seen from here; stop it there")
        time.sleep(POLL_SECONDS)
    return None


def _noted_pid(lock: Path) -> str | None:
    """What its holder wrote into it; None when nobody holds it."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(descriptor, 32).decode(errors="replace").strip()
    finally:
        os.close(descriptor)
    return None


def _proven(lock: Path, noted: str) -> int | None:
    pid = pid_of_lock(lock)
    return int(noted) if pid is None and noted.isdecimal() and has_open(int(noted), lock) else pid


def heeds(pid: int, number: signal.Signals) -> bool:
    """Whether it has a handler for it: without one it would die of it. True as well where that is not to be seen."""
    try:
        words = dict(line.split(":\t", 1) for line in (PROC / str(pid) / "status").read_text().splitlines())
        return bool(int(words["SigCgt"], 16) >> (number - 1) & 1)
    except (OSError, KeyError, ValueError):
        return True


def _wait_free(state_dir: Path) -> None:
    deadline = time.monotonic() + END_SECONDS
    while holder(state_dir) is not None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
