"""Ask for a scheduling pass, in whichever process passes. Many requests make one pass; the loop that passes also looks
by itself every second."""

import threading

from django.db import transaction

from scheduler_site.shared import nudges

TOPIC = "pass"

event = threading.Event()


def request_pass() -> None:
    """Once the transaction commits."""
    transaction.on_commit(_wake)


def _wake() -> None:
    event.set()
    nudges.say(TOPIC)


nudges.subscribe(TOPIC, lambda _word: event.set())
nudges.when_deaf(event.set)
