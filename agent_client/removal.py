"""Removes a folder with all that a script may have left in it: deep trees, links, folders that nobody may enter."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def remove_tree(path: Path) -> None:
    """Never follows a link. What can go goes; then OSError for the first thing that cannot.

    Folders inside are moved up before they are emptied: neither depth nor length of a path has a limit then, and a
    thousand nested folders need neither a thousand open files nor a thousand calls on the stack.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    failures: list[OSError] = []
    path.chmod(0o700)
    waiting = _empty(path, path, failures)
    while waiting:
        folder = waiting.pop()
        waiting += _empty(folder, path, failures)
        _try(folder.rmdir, failures)
    if failures:
        raise failures[0]
    path.rmdir()


def _empty(folder: Path, top: Path, failures: list[OSError]) -> list[Path]:
    """Unlink the files of `folder` and move its folders to `top`; returns where those are now."""
    try:
        with os.scandir(folder) as entries:
            found = [(Path(entry.path), entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError as error:
        failures.append(error)
        return []
    moved = []
    for path, is_folder in found:
        if not is_folder:
            _try(path.unlink, failures)
        elif (place := _taken_up(path, top, failures)) is not None:
            moved.append(place)
    return moved


def _taken_up(folder: Path, top: Path, failures: list[OSError]) -> Path | None:
    place = folder if folder.parent == top else top / f".{secrets.token_hex(8)}"
    try:
        folder.chmod(0o700)  # a script may have taken its own rights away
        folder.rename(place)
    except OSError as error:
        failures.append(error)
        return None
    return place


def _try(action: Callable[[], None], failures: list[OSError]) -> None:
    try:
        action()
    except OSError as error:
        failures.append(error)
