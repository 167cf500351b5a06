"""The doorbell: a ring is heard once, also by who comes later, from any thread, and only after the commit."""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Collection
from contextlib import suppress

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


def answered(*rings: tuple[uuid.UUID, uuid.UUID | None], told: Collection[uuid.UUID] = (), fails: bool = False) -> None:
    """A thread that answers HOST, rings meanwhile, and tells something in its answer."""

    def answer() -> None:
        with suppress(ZeroDivisionError), doorbell.answering(HOST) as tell:
            for agent_id, about in rings:
                doorbell._call(agent_id, about)
            tell(told)
            if fails:
                raise ZeroDivisionError

    thread = threading.Thread(target=answer)
    thread.start()
    thread.join()


async def test_what_is_told_in_the_answer_needs_no_ring() -> None:
    work, more = uuid.uuid4(), uuid.uuid4()
    answered((HOST, work), (HOST, more), told=[more, work, uuid.uuid4()])
    assert not await doorbell.wait(HOST, 0.01)


@pytest.mark.parametrize("left", [None, uuid.uuid4()])
async def test_what_is_not_told_rings_at_the_end(left: uuid.UUID | None) -> None:
    """A stop, say, is about nothing that could be told."""
    work = uuid.uuid4()
    answered((HOST, work), (HOST, left), told=[work])
    assert await doorbell.wait(HOST, 20)


async def test_an_answer_that_fails_tells_nothing() -> None:
    work = uuid.uuid4()
    answered((HOST, work), fails=True)
    assert await doorbell.wait(HOST, 20)


async def test_only_the_host_that_is_answered_waits_for_its_ring() -> None:
    other = uuid.uuid4()
    with doorbell.answering(HOST):
        doorbell._call(other)
        rung_in_a_thread(HOST)  # another thread's is no part of the answer
        assert await doorbell.wait(other, 20)
        assert await doorbell.wait(HOST, 20)
        doorbell._call(HOST)
        assert not await doorbell.wait(HOST, 0.01)
    assert await doorbell.wait(HOST, 20)
    doorbell._call(HOST)
    assert await doorbell.wait(HOST, 20)
