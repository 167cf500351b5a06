"""Waiting from the outside: pauses that grow, and calls that go on trying while the server is away."""

import select
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from agent_client.cli.errors import TIMED_OUT, CliError
from agent_client.cli.output import note
from agent_client.user_api_errors import ServerFault, Unreachable

Value = TypeVar("Value")
AWAY_PAUSE_SECONDS = 1.0


class Pace:
    """Pauses between two looks: `shortest` after news, longer each time there was none, at most `longest`."""

    def __init__(self, shortest: float, longest: float) -> None:
        self.shortest = shortest
        self.longest = longest
        self._next = shortest

    def next_seconds(self, had_news: bool) -> float:
        self._next = self.shortest if had_news else min(self._next * 1.5, self.longest)
        return self._next


def pause(seconds: float, deadline: float | None = None) -> None:
    """Sleep, but end at once when the reader of our output is gone. Raises TimeUp at the deadline."""
    if deadline is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeUp
        seconds = min(seconds, left)
    watched = _stdout_number()
    if watched is None:
        time.sleep(seconds)
        return
    poller = select.poll()
    poller.register(watched, 0)  # errors are always reported
    if poller.poll(seconds * 1000):
        raise BrokenPipeError


def keep_trying(call: Callable[[], Value], deadline: float | None = None) -> Value:
    """The call's answer, however often the server is away before; says once that it is, and that it is back."""
    is_away = False
    while True:
        try:
            value = call()
        except (Unreachable, ServerFault) as error:
            if not is_away:
                note(f"{error}; trying again until it is back")
            is_away = True
            pause(AWAY_PAUSE_SECONDS, deadline)
            continue
        if is_away:
            note("the server is back")
        return value


class TimeUp(CliError):
    def __init__(self) -> None:
        super().__init__("the time to wait is over; the task goes on", TIMED_OUT)


def _stdout_number() -> int | None:
    try:
        return sys.stdout.fileno()
    except (OSError, ValueError):
        return None
