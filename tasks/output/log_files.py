"""The files of stored output under DATA_DIR/logs/tasks/<task>/: written at offsets, with holes for what was dropped.

Knows no rows: how much of a file counts, and what is a hole, tasks.output.logs says.
"""

import contextlib
import ctypes
import errno
import logging
import os
import shutil
import zlib
from pathlib import Path

from django.conf import settings

from tasks.models import SubAgent

log = logging.getLogger(__name__)

_PUNCH_HOLE_KEEP_SIZE = 0x02 | 0x01
_CANNOT_PUNCH = (errno.EOPNOTSUPP, errno.ENOSYS)


def relative_path(task_id: int, attempt_no: int, stream: str, rank: int = 0) -> str:
    """Made of numbers and fixed words only, never of names."""
    member = f".rank-{rank}" if rank else ""
    suffix = "" if stream == "out" else ".err"
    return f"{task_id}/{attempt_no}{member}{suffix}.log"


def path_of(sub_agent: SubAgent, stream: str) -> Path:
    return Path(settings.TASK_LOG_DIR) / relative_path(sub_agent.task_id, sub_agent.attempt_no, stream, sub_agent.rank)


def size_on_disk(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def used_bytes(path: Path) -> int:
    """What it takes on the disk."""
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0


def remove(path: Path) -> None:
    """The file, and its task's folder with the last one."""
    if path.exists():
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def has_room() -> bool:
    """Whether output may be stored: the rest of the disk is kept for the database, which often shares it."""
    try:
        return shutil.disk_usage(settings.TASK_LOG_DIR).free >= settings.LOG_MIN_FREE_MIB << 20
    except OSError:
        return False


def write_at(path: Path, offset: int, data: bytes) -> None:
    if not has_room():
        raise OSError(errno.ENOSPC, "Too little is free on the disk for output")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        view = memoryview(data)
        while view:
            written = os.pwrite(descriptor, view, offset)
            view, offset = view[written:], offset + written
    finally:
        os.close(descriptor)


def punch(path: Path, start: int, stop: int) -> None:
    """Give the disk space of [start, stop) back. Where the file system cannot, the bytes stay until the file goes."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        _fallocate(descriptor, start, stop - start)
    except OSError as error:
        level = logging.INFO if error.errno in _CANNOT_PUNCH else logging.ERROR
        log.log(level, "output_not_punched path=%s error=%r", path, str(error))
    finally:
        os.close(descriptor)


def _fallocate(descriptor: int, start: int, length: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (ctypes.c_int64(start), ctypes.c_int64(length))
    if libc.fallocate64(descriptor, _PUNCH_HOLE_KEEP_SIZE, *arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def crc32_of(path: Path, start: int, stop: int) -> int:
    """The CRC-32 of a part of at most a few MiB; of what there is of it."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            return zlib.crc32(file.read(stop - start))
    except FileNotFoundError:
        return zlib.crc32(b"")


def to_stable_storage(path: Path) -> None:
    if not path.exists():
        return
    for target in (path, path.parent, path.parent.parent):  # the task's folder may be new as well
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
