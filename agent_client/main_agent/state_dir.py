"""The state directory of a main agent: makes it private, and holds its lock for the life of the process.

A full disk is no reason not to start: scripts run on, and their results are to be delivered.
"""

import contextlib
import errno
import fcntl
import os
import stat
from pathlib import Path

from agent_client.journal import is_leftover
from agent_client.removal import remove_tree
from agent_client.sub_agent_dir import REMOVED_PREFIX, SubAgentDir

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


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
    try:
        probe.touch(mode=0o600)
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
    probe.unlink(missing_ok=True)


def sweep_leftovers(path: Path) -> None:
    """Finish what a crash interrupted: half-written files, removals, folders that were made but got no assignment.

    To be called with the lock of the directory.
    """
    for half_written in path.glob(".*.tmp"):
        half_written.unlink(missing_ok=True)
    for folder in (path / "sub_agents").iterdir():
        is_half_removed = folder.name.startswith(REMOVED_PREFIX)
        if is_half_removed or (folder.is_dir() and is_leftover(SubAgentDir(folder))):
            with contextlib.suppress(OSError):
                remove_tree(folder)


def take_lock(path: Path) -> int:
    """Lock the directory; the descriptor is to be kept. Raises StateDirInUse with the holder's pid."""
    try:
        descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateDirError(f"{path / 'lock'} cannot be made: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode(errors="replace").strip()
        os.close(descriptor)
        who = f" (pid {holder})" if holder.isdigit() else ""
        raise StateDirInUse(f"another main agent{who} is using {path}; give this one its own --state-dir") from None
    except OSError as error:
        os.close(descriptor)
        raise StateDirError(f"{path / 'lock'} cannot be locked there: {error.strerror}; say --state-dir") from error
    with contextlib.suppress(OSError):  # only to tell people who holds it
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def require_private_file(path: Path) -> None:
    """Refuse a file with a secret in it that other users may read or write."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise StateDirError(f"{path} has mode {mode:04o}, but it holds a secret: chmod 600 {path}")
