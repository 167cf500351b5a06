"""Lets the agent be heard on a busy host: a better CPU priority and a lower OOM score, where that is allowed."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent_client.process.proc import PROC

NICE_STEP = -10
OOM_SCORE_ADJUSTMENT = -900  # the kernel ends a script before the agent; sub agents set their own


def protect_from_oom(path: Path = PROC / "self" / "oom_score_adj") -> bool:
    try:
        path.write_text(str(OOM_SCORE_ADJUSTMENT))
    except OSError:
        return False
    return True


def prefer_this_thread() -> bool:
    """Raise the priority of the calling thread only: children are forked elsewhere or under `ordinary_priority`."""
    thread = threading.get_native_id()
    try:
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICE_STEP)
    except OSError:
        return False
    return True


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """The calling thread has the process's own priority meanwhile: a child inherits it, and so would a script."""
    thread = threading.get_native_id()
    preferred, ordinary = os.getpriority(os.PRIO_PROCESS, thread), os.getpriority(os.PRIO_PROCESS, os.getpid())
    if preferred == ordinary:
        yield
        return
    os.setpriority(os.PRIO_PROCESS, thread, ordinary)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, thread, preferred)
