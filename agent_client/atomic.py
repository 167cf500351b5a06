"""Files that are either whole and durable or absent: temporary file, fsync, rename, fsync of the folder."""

import contextlib
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

READ_BYTES = 65536


class Unreadable(Exception):
    """A file of ours exists but cannot be understood. Whoever sees it must not act as if the file were absent.

    `is_damaged` false: its content was not seen, and reading it may work later.
    """

    def __init__(self, path: Path | str, why: str, is_damaged: bool = True) -> None:
        super().__init__(f"{path} is damaged: {why}" if is_damaged else f"{path} cannot be read: {why}")
        self.path = Path(path)
        self.is_damaged = is_damaged


def write_json(
    path: Path | str, value: Mapping[str, Any], mode: int = 0o600, *, is_durable: bool = True, syncs_folder: bool = True
) -> None:
    content = json.dumps(value, allow_nan=False).encode()
    write_bytes(path, content, mode, is_durable=is_durable, syncs_folder=syncs_folder)


def read_json(path: Path | str) -> dict[str, Any] | None:
    """The object in the file, None when there is no file."""
    try:
        content = _content(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unreadable(path, error.strerror or str(error), is_damaged=False) from error
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unreadable(path, "not JSON") from error
    if not isinstance(value, dict):
        raise Unreadable(path, "not a JSON object")
    return value


def write_bytes(
    path: Path | str, content: bytes, mode: int = 0o600, *, is_durable: bool = True, syncs_folder: bool = True
) -> None:
    """Replace the file. The temporary name is the writer's own: several processes and threads may write the same file.

    Not durable, it survives every crash but a power cut, which may leave it damaged. Without the sync of its folder,
    which is then the caller's to do, a power cut may leave it absent, but never damaged.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{threading.get_native_id()}.tmp")
    try:
        _write(temporary, content, mode, is_durable)
        os.rename(temporary, path)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    if is_durable and syncs_folder:
        sync_folder(folder or ".")


def exists(path: Path | str) -> bool:
    """As Path.exists: a disk that cannot be read is no proof that nothing is there."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _content(path: Path | str) -> bytes:
    """As Path.read_bytes, at a third of its cost: each script's files are read and written several times."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(descriptor, READ_BYTES):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def _write(path: Path | str, content: bytes, mode: int, is_durable: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        while content:
            content = content[os.write(descriptor, content) :]
        if is_durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path | str) -> None:
    """Make what the file holds survive a power loss."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path | str) -> None:
    """Make the folder's entries survive a power loss."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
