"""Asking a host for its inventory: once, and not again at once."""

import uuid

from agents import inventory_requests
from tests.agents.conftest import Clock

HOST = uuid.uuid4()


def test_asked_once_taken_once() -> None:
    assert not inventory_requests.take(HOST)
    inventory_requests.ask(HOST)
    inventory_requests.ask(HOST)
    assert not inventory_requests.take(uuid.uuid4())
    assert inventory_requests.take(HOST)
    assert not inventory_requests.take(HOST)


def test_the_next_time_is_half_a_minute_later(clock: Clock) -> None:
    inventory_requests.ask(HOST)
    inventory_requests.take(HOST)
    clock.now += inventory_requests.AGAIN_AFTER_SECONDS - 1
    inventory_requests.ask(HOST)
    assert not inventory_requests.take(HOST)
    clock.now += 1
    inventory_requests.ask(HOST)
    assert inventory_requests.take(HOST)
