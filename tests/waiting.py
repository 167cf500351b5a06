"""Wait on conditions with a deadline. Does not sleep for a guessed time: a test that waits says what for."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

SHORTEST_PAUSE = 0.02
LONGEST_PAUSE = 0.1


def wait_until(predicate: Callable[[], Value], seconds: float = 20.0, what: str = "the condition") -> Value:
    """Return the first true value of `predicate`; fail with `what` after `seconds`. A question may cost the server as
    much as what is waited for: they become rarer with time."""
    start = time.monotonic()
    while True:
        value = predicate()
        if value:
            return value
        waited = time.monotonic() - start
        if waited > seconds:
            raise AssertionError(f"waited {seconds:g} s for {what}")
        time.sleep(min(max(SHORTEST_PAUSE, waited / 10), LONGEST_PAUSE))
