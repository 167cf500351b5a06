"""The few kernel switches that Python does not offer. Changes only the calling process."""

import ctypes
import os

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PRCTL = ctypes.CDLL(None, use_errno=True).prctl
_PRCTL.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)


def die_with_parent(signal_number: int) -> None:
    """Get `signal_number` when the parent's thread that forked us ends. Cleared by the kernel when the user changes."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)


def become_subreaper() -> None:
    """Orphans below us become our children instead of init's: none escapes, and each can be waited for."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def prefer_as_oom_victim(score: int) -> bool:
    """Set oom_score_adj (-1000 never, 1000 first). False where that is not allowed."""
    try:
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(descriptor, str(score).encode("ascii"))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _prctl(option: int, value: int) -> None:
    if _PRCTL(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
