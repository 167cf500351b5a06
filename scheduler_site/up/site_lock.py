"""One `up` for each data folder: a lock that ends with its process, and a note for others of where it is reached."""

import fcntl
import json
import os
from pathlib import Path
from typing import IO


def hold(data_dir: Path) -> IO[str] | None:
    """The open lock file, to be kept; None when another `up` holds it."""
    handle = (data_dir / "lock").open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


def is_held(path: Path) -> bool:
    """Whether some process holds this lock file. Asking takes the lock for a moment."""
    if not path.exists():
        return False
    with path.open("rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def note_running(data_dir: Path, url: str) -> None:
    temporary = data_dir / "running.json.new"
    temporary.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    temporary.replace(data_dir / "running.json")


def noted_url(data_dir: Path) -> str | None:
    """The address of the `up` that holds the lock; None while it has not said so."""
    try:
        return str(json.loads((data_dir / "running.json").read_text())["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget_running(data_dir: Path) -> None:
    (data_dir / "running.json").unlink(missing_ok=True)
