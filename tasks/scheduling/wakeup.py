"""Ask for a scheduling pass. Many requests make one pass; the loop that passes also looks by itself every second."""

import threading

from django.db import transaction

event = threading.Event()


def request_pass() -> None:
    """Once the transaction commits."""
    transaction.on_commit(event.set)
