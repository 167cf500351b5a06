"""The state directory of a main agent: makes it private, and holds its lock for the life of the process."""

import fcntl
import os
import shutil
import stat
from pathlib import Path

from agent_client.journal import is_leftover
from agent_client.sub_agent_dir import REMOVED_PREFIX, SubAgentDir


class StateDirError(Exception):
    """The directory or a file in it cannot be used; the message names it and the remedy."""


class StateDirInUse(Exception):
    """Another main agent holds this directory."""


def prepare(path: Path) -> None:
    """Make the directory and `sub_agents/` in it, 0700 and ours; refuse what cannot be made so."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private(path)
        (path / "sub_agents").mkdir(mode=0o700, exist_ok=True)
        _prove_writable(path)
    except OSError as error:
        raise StateDirError(f"state directory {path} cannot be used: {error.strerror}") from error


def _make_private(path: Path) -> None:
    status = path.stat()
    if status.st_uid != os.geteuid():
        raise StateDirError(f"state directory {path} belongs to another user (uid {status.st_uid}); say --state-dir")
    if stat.S_IMODE(status.st_mode) & 0o077:
        path.chmod(0o700)


def _prove_writable(path: Path) -> None:
    probe = path / f".writable.{os.getpid()}"
    probe.touch(mode=0o600)
    probe.unlink()


def sweep_leftovers(sub_agents: Path) -> None:
    """Finish what a crash interrupted: removals, and folders that were made but got no assignment."""
    for path in sub_agents.iterdir():
        is_half_removed = path.name.startswith(REMOVED_PREFIX)
        if is_half_removed or (path.is_dir() and is_leftover(SubAgentDir(path))):
            shutil.rmtree(path, ignore_errors=True)


def take_lock(path: Path) -> int:
    """Lock the directory; the descriptor is to be kept. Raises StateDirInUse with the holder's pid."""
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode(errors="replace").strip()
        os.close(descriptor)
        who = f" (pid {holder})" if holder.isdigit() else ""
        raise StateDirInUse(f"another main agent{who} is using {path}; give this one its own --state-dir") from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def require_private_file(path: Path) -> None:
    """Refuse a file with a secret in it that other users may read or write."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise StateDirError(f"{path} has mode {mode:04o}, but it holds a secret: chmod 600 {path}")
