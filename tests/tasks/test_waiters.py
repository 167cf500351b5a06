"""Waiting for the end of tasks: told once, at once, and nothing is left behind."""

import asyncio
import gc
from collections.abc import Iterator

import pytest
from django.db import transaction

from scheduler_site.shared import nudges
from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle, waiters
from tasks.waiters import Waiter
from tests.factories import make_task

LONG = 20.0


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    yield
    gc.collect()
    assert list(waiters._waiting) == []


async def waited(waiter: Waiter, seconds: float = LONG) -> list[int]:
    await waiter.wait(seconds)
    return waiter.ended()


async def test_an_end_wakes_whoever_waits_for_any() -> None:
    waiter = Waiter([1, 2], until_all=False)
    waiting = asyncio.ensure_future(waited(waiter))
    await asyncio.to_thread(waiters._wake, 2, "completed")
    assert await waiting == [2]
    assert waiter.still_open() == [1]


async def test_whoever_waits_for_all_is_woken_by_the_last() -> None:
    waiter = Waiter([1, 2, 3], until_all=True)
    waiting = asyncio.ensure_future(waited(waiter))
    waiter.note({3: "failed"})
    await asyncio.to_thread(waiters._wake, 1, "completed")
    assert not waiting.done()
    await asyncio.to_thread(waiters._wake, 2, "completed")
    assert await waiting == [1, 2, 3]
    assert waiter.completed() == [1, 2]


async def test_an_end_before_the_wait_began_is_not_missed() -> None:
    waiter = Waiter([1], until_all=False)
    waiters._wake(1, "completed")
    assert await waited(waiter) == [1]


async def test_others_do_not_wake_it_and_its_time_ends() -> None:
    waiter = Waiter([1], until_all=False)
    waiters._wake(2, "completed")
    assert await waited(waiter, 0.01) == []
    waiters._wake(1, "completed")  # nobody waits any more


async def test_one_that_is_called_off_leaves_nothing() -> None:
    waiting = asyncio.ensure_future(waited(Waiter([1], until_all=False)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_kept", [True, False])
def test_only_what_was_committed_is_told(is_kept: bool) -> None:
    task = make_task("waiting")
    waiter = Waiter([task.pk], until_all=False)
    with transaction.atomic():
        lifecycle.cancel(task.pk, actor=SYSTEM)
        assert waiter.ended() == []
        transaction.set_rollback(not is_kept)
    assert waiter.ended() == ([task.pk] if is_kept else [])


@pytest.mark.django_db(transaction=True)
def test_dependants_that_are_canceled_with_it_are_told() -> None:
    first = make_task("waiting")
    later = make_task("blocked", depends_on=[first])
    waiter = Waiter([later.pk], until_all=False)
    lifecycle.cancel(first.pk, actor=SYSTEM)
    assert waiter.ended() == [later.pk]


class OtherProcesses:
    """A link that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def say(self, topic: str, word: str) -> None:
        self.said.append((topic, word))

    def is_up(self) -> bool:
        return True


@pytest.mark.django_db(transaction=True)
def test_other_processes_hear_of_an_end_that_nobody_waits_for_here() -> None:
    others, task, goes_on = OtherProcesses(), make_task(), make_task()
    nudges.attach(others)
    try:
        lifecycle.hold(goes_on.pk, actor=SYSTEM)
        lifecycle.cancel(task.pk, actor=SYSTEM)
    finally:
        nudges.attach(None)
    assert [word for topic, word in others.said if topic == waiters.TOPIC] == [f"{task.pk} canceled"]
