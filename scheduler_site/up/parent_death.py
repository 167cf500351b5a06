"""Ties a child's life to its parent's: the kernel sends it SIGTERM when the parent ends in whatever way."""

import ctypes
import os
import signal
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def tied_to_this_process() -> Callable[[], None]:
    """For Popen's preexec_fn; call it in the main thread, whose end counts as the parent's."""
    parent = os.getpid()

    def tie() -> None:
        if hasattr(_libc, "prctl"):
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(0)

    return tie
