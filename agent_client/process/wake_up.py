"""Wakes a single-threaded wait as soon as a child changes state. For the main thread of a process only."""

import contextlib
import os
import select
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def child_wake_up() -> Iterator[int]:
    """A descriptor that becomes readable when a child changes state, so that an end is seen at once."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    previous_handler = signal.signal(signal.SIGCHLD, lambda number, frame: None)
    previous_writer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(previous_writer)
        signal.signal(signal.SIGCHLD, previous_handler)
        os.close(reader)
        os.close(writer)


def wait(wake_up: int, seconds: float) -> None:
    """Sleep until a child changes state, at most `seconds`."""
    if select.select([wake_up], [], [], seconds)[0]:
        with contextlib.suppress(BlockingIOError):
            os.read(wake_up, 512)
