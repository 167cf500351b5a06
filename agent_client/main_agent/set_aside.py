"""Puts a result that no server wants where a person can find it: <state-dir>/unclaimed/. Removes nothing."""

import time
from pathlib import Path

from agent_client.atomic import sync_folder

UNCLAIMED_AFTER_SECONDS = 7 * 86400.0


def is_unclaimed(folder: Path, unknown_seconds: float) -> bool:
    """The server says that it knows no such sub agent, and the result has lain here for a week."""
    try:
        age_seconds = time.time() - (folder / "exit.json").stat().st_mtime
    except OSError:
        return False
    return unknown_seconds > 0.0 and age_seconds > UNCLAIMED_AFTER_SECONDS


def set_aside(folder: Path) -> Path:
    """Moves the whole folder, durably; it is neither scanned nor delivered from then on."""
    shelf = folder.parent.parent / "unclaimed"
    shelf.mkdir(mode=0o700, exist_ok=True)
    target = shelf / folder.name
    folder.rename(target)
    sync_folder(shelf)
    sync_folder(folder.parent)
    return target
