"""Named places at which a test can make an agent fail. Without NIGHTSHIFT_FAILPOINTS they do nothing.

The words are those of the server's failpoints: NIGHTSHIFT_FAILPOINTS="claim.before_note=kill; exit.written=sleep:2@3".
Actions: kill (SIGKILL to this process), stop (SIGSTOP), raise, sleep:SECONDS; @N means only at the N-th passage. Sub
agents inherit the variable from their main agent, scripts do not. With NIGHTSHIFT_FAILPOINTS_LOG each passage of a
place named is appended to that file. Not for production: nothing there sets it.
"""

import functools
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

SWITCH = "NIGHTSHIFT_FAILPOINTS"
LOG_SWITCH = "NIGHTSHIFT_FAILPOINTS_LOG"
# Every place that calls fail_at.
NAMES = frozenset(
    {
        "assignment.before_note",
        "claim.before_grant",
        "claim.before_request",
        "claims.before_request",
        "exit.after_record",
        "finish.before_answer",
        "granted.before_start",
        "launch.before_fork",
        "script.after_release",
        "script.before_record",
        "script.before_release",
        "secret.before_store",
        "secret.before_use",
    }
)


class Failpoint(Exception):
    """What the action "raise" raises."""


class FailpointError(Exception):
    """NIGHTSHIFT_FAILPOINTS cannot be understood; the message says which part."""


@dataclass
class Order:
    """What is to happen at one place. `passage` None: at every passage, else at that one only (the first is 1)."""

    action: str
    seconds: float = 0.0
    passage: int | None = None
    passed: int = 0


def fail_at(name: str) -> None:
    """Pass the place `name`. Returns at once unless a failure was ordered here."""
    text = os.environ.get(SWITCH)
    if not text:
        return
    order = parse(text).get(name)
    if order is None:
        return
    order.passed += 1
    if log := os.environ.get(LOG_SWITCH):
        _note(Path(log), f"{name} {os.getpid()}\n")
    if order.passage is None or order.passage == order.passed:
        _act(name, order)


@functools.lru_cache(maxsize=8)
def parse(text: str) -> dict[str, Order]:
    """The orders in `text` by place; the same text gives the same, counting, orders. FailpointError."""
    return dict(_parsed(part) for part in text.split(";") if part.strip())


def _parsed(part: str) -> tuple[str, Order]:
    name, _, rest = part.strip().partition("=")
    action, _, passage = rest.partition("@")
    word, _, seconds = action.partition(":")
    try:
        order = Order(word, float(seconds or 0), int(passage) if passage else None)
    except ValueError:
        order = Order("")
    if order.action not in {"kill", "stop", "raise", "sleep"} or name not in NAMES:
        raise FailpointError(f"{SWITCH}: {part.strip()!r} is no failpoint=action; places: {', '.join(sorted(NAMES))}")
    return name, order


def _note(path: Path, line: str) -> None:
    with path.open("a", encoding="ascii") as file:
        file.write(line)


def _act(name: str, order: Order) -> None:
    if order.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif order.action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif order.action == "sleep":
        time.sleep(order.seconds)
    else:
        raise Failpoint(name)
