"""The doorbell: a ring is heard once, also by who comes later, from any thread, and only after the commit."""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from django.db import transaction

from agents import doorbell

HOST = uuid.uuid4()


@pytest_asyncio.fixture(autouse=True)
async def _attached() -> AsyncIterator[None]:
    doorbell.attach(asyncio.get_running_loop())
    yield
    doorbell.attach(None)


def rung_in_a_thread(agent_id: uuid.UUID) -> None:
    ringer = threading.Thread(target=doorbell._call, args=(agent_id,))
    ringer.start()
    ringer.join()


async def test_nobody_rings() -> None:
    assert not await doorbell.wait(HOST, 0.01)


async def test_a_ring_ends_the_wait() -> None:
    waiting = asyncio.create_task(doorbell.wait(HOST, 20))
    await asyncio.sleep(0)
    rung_in_a_thread(HOST)
    assert await waiting
    assert not await doorbell.wait(HOST, 0.01)


async def test_a_ring_is_kept_for_who_comes_later_and_many_are_one() -> None:
    for _ in range(3):
        rung_in_a_thread(HOST)
    assert await doorbell.wait(HOST, 20)
    assert not await doorbell.wait(HOST, 0.01)


async def test_bells_of_hosts_are_apart() -> None:
    rung_in_a_thread(uuid.uuid4())
    assert not await doorbell.wait(HOST, 0.01)


async def test_two_waits_of_one_host_both_hear_it() -> None:
    """The connection of the first may be dead without anybody knowing."""
    waits = [asyncio.create_task(doorbell.wait(HOST, 20)) for _ in range(2)]
    await asyncio.sleep(0)
    rung_in_a_thread(HOST)
    assert await asyncio.gather(*waits) == [True, True]


@pytest.mark.django_db
def test_without_a_loop_ringing_does_nothing(django_capture_on_commit_callbacks: object) -> None:
    doorbell.attach(None)
    with django_capture_on_commit_callbacks(execute=True) as callbacks, transaction.atomic():  # type: ignore[operator]
        doorbell.ring(HOST)
    assert len(callbacks) == 1
