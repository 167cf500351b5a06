"""Wait on conditions with a deadline. Does not sleep for a guessed time: a test that waits says what for."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_until(predicate: Callable[[], Value], seconds: float = 20.0, what: str = "the condition") -> Value:
    """Return the first true value of `predicate`; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s for {what}")
        time.sleep(0.02)
