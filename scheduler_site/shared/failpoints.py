"""Named places at which a test can make the server fail. Without NIGHTSHIFT_FAILPOINTS they do nothing.

NIGHTSHIFT_FAILPOINTS="place.before_commit=kill; log.after_write=sleep:2@3" kills this process (SIGKILL) at the first
named place and rests 2 s at the third passage of the second. Actions: kill, stop (SIGSTOP), raise, sleep:SECONDS. With
NIGHTSHIFT_FAILPOINTS_LOG each passage of a place named is appended to that file. Not for production: nothing there sets
it.
"""

import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

# Every place that calls fail_at.
NAMES = frozenset(
    {
        "claim.before_reply",
        "claims_ahead.before_reply",
        "end.before_news",
        "finish.before_commit",
        "finish.before_reply",
        "output.before_reply",
        "output.before_result",
        "output.before_row",
        "place.after_commit",
        "place.before_commit",
        "prune.before_files",
        "reaper.between_batches",
        "reaper.between_expiries",
        "reaper.turn",
        "retention.turn",
        "scheduling.turn",
    }
)


class Failpoint(Exception):
    """What the action "raise" raises."""


@dataclass
class Order:
    """What is to happen at one place. `passage` None: at every passage, else at that one only (the first is 1)."""

    action: str
    seconds: float = 0.0
    passage: int | None = None
    passed: int = 0


_orders: dict[str, Order] | None = None
_lock = threading.Lock()


def fail_at(name: str) -> None:
    """Pass the place `name`. Returns at once unless a failure was ordered here."""
    orders = configure(settings.FAILPOINTS) if _orders is None else _orders
    if orders and (order := orders.get(name)) is not None:
        _pass(name, order)


def configure(text: str) -> dict[str, Order]:
    """Take the orders of `text` from now on. ImproperlyConfigured for what cannot be understood."""
    global _orders
    _orders = dict(_parsed(part) for part in text.split(";") if part.strip())
    return _orders


def _parsed(part: str) -> tuple[str, Order]:
    name, _, rest = part.strip().partition("=")
    action, _, passage = rest.partition("@")
    word, _, seconds = action.partition(":")
    try:
        order = Order(word, float(seconds or 0), int(passage) if passage else None)
    except ValueError:
        order = Order("")
    if order.action not in {"kill", "stop", "raise", "sleep"} or name not in NAMES:
        places = ", ".join(sorted(NAMES))
        raise ImproperlyConfigured(f"NIGHTSHIFT_FAILPOINTS: {part.strip()!r} is no failpoint=action. Places: {places}.")
    return name, order


def _pass(name: str, order: Order) -> None:
    with _lock:
        order.passed += 1
        is_due = order.passage is None or order.passage == order.passed
    if settings.FAILPOINTS_LOG:
        _note(Path(settings.FAILPOINTS_LOG), f"{name} {os.getpid()}\n")
    if is_due:
        _act(name, order)


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
