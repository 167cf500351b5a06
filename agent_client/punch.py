"""Gives back the disk space in the middle of a file: a hole where bytes were, the size as before. Linux only."""

import ctypes
import os

_PUNCH_HOLE_KEEP_SIZE = 0x02 | 0x01


def punch(descriptor: int, start: int, stop: int) -> None:
    """Bytes [start, stop) read as zeros from then on. OSError where the file system cannot."""
    if start >= stop:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (ctypes.c_int64(start), ctypes.c_int64(stop - start))
    fallocate = getattr(libc, "fallocate64", None) or libc.fallocate  # musl has only the second
    if fallocate(descriptor, _PUNCH_HOLE_KEEP_SIZE, *arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
