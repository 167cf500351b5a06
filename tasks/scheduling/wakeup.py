"""Ask for a scheduling pass, in whichever process passes. Many requests make one pass; the loop that passes also looks
by itself every second."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from scheduler_site.shared import nudges

TOPIC = "pass"

event = threading.Event()


class Held(threading.local):
    """What this thread holds back, see `held`."""

    is_on = False
    is_wanted = False


_held = Held()


def request_pass() -> None:
    """Once the transaction commits."""
    transaction.on_commit(_wake)


def wake() -> None:
    """The loop of this process."""
    if _held.is_on:
        _held.is_wanted = True
    else:
        event.set()


@contextmanager
def held() -> Iterator[Held]:
    """What this thread wants of the loop waits until the end, and is dropped by whoever passes meanwhile himself and
    says so by `is_wanted`."""
    _held.is_on, _held.is_wanted = True, False
    try:
        yield _held
    finally:
        _held.is_on = False
        if _held.is_wanted:
            _wake()


def _wake() -> None:
    wake()
    if not _held.is_on:
        nudges.say(TOPIC)


nudges.subscribe(TOPIC, lambda _word: event.set())
nudges.when_deaf(event.set)
