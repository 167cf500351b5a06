"""Who waits for the end of tasks, woken once an end is committed, in whichever process. Asks no database and does not
outlive its process: a waiter that missed an end learns of it when it asks again, hence soon while other processes
cannot be heard.

Ends are told from any thread; waiting happens on the server's loop.
"""

import asyncio
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from weakref import WeakSet

from django.db import transaction

from scheduler_site.shared import nudges
from tasks.states import TaskStatus

TOPIC = "ended"
DEAF_SECONDS = 5.0

_lock = threading.Lock()
_waiting: "WeakSet[Waiter]" = WeakSet()  # few wait: looking at each costs less than an entry for each of their tasks


class Waiter:
    """Takes its place at once, so that whoever then asks the database misses no end. Held by nobody but its maker."""

    def __init__(self, task_ids: Iterable[int], *, until_all: bool) -> None:
        self._open = set(task_ids)
        self._ended: dict[int, str] = {}
        self._until_all = until_all
        self._over: Future[None] = Future()
        with _lock:
            _waiting.add(self)

    def waits_for(self, task_id: int) -> bool:
        return task_id in self._open

    def note(self, statuses: Mapping[int, str]) -> None:
        """These have ended, in these statuses."""
        with _lock:
            new = self._open & statuses.keys()
            self._open -= new
            self._ended |= {task_id: statuses[task_id] for task_id in new}
            is_over = bool(self._ended) and not (self._until_all and self._open)
        if is_over:
            self.end_wait()

    def ended(self) -> list[int]:
        with _lock:
            return sorted(self._ended)

    def completed(self) -> list[int]:
        """Of those that have ended."""
        with _lock:
            return sorted(task_id for task_id, status in self._ended.items() if status == TaskStatus.COMPLETED)

    def still_open(self) -> list[int]:
        with _lock:
            return sorted(self._open)

    def end_wait(self) -> None:
        with suppress(InvalidStateError):  # over already, or nobody waits any more
            self._over.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Until what it waits for has come, or the time is over."""
        most = seconds if nudges.hears_all() else min(seconds, DEAF_SECONDS)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.wrap_future(self._over), most)
        finally:
            self._leave()

    def _leave(self) -> None:
        with _lock:
            _waiting.discard(self)


def are_there(task_id: int) -> bool:
    """Whether anybody waits for the end of this task, or may do so at another process."""
    return bool(_who_wait(task_id)) or nudges.has_others()


def _who_wait(task_id: int) -> list[Waiter]:
    with _lock:
        return [waiter for waiter in _waiting if waiter.waits_for(task_id)]


def tell(task_id: int, status: str) -> None:
    """This task has ended so; called inside the transaction that ends it."""
    transaction.on_commit(lambda: _ended(task_id, status))


def _ended(task_id: int, status: str) -> None:
    _wake(task_id, status)
    nudges.say(TOPIC, f"{task_id} {status}")


def _wake(task_id: int, status: str) -> None:
    for waiter in _who_wait(task_id):
        waiter.note({task_id: status})


def _all_ask_again() -> None:
    with _lock:
        waiters = list(_waiting)
    for waiter in waiters:
        waiter.end_wait()


def _heard(word: str) -> None:
    task_id, _, status = word.partition(" ")
    _wake(int(task_id), status)


nudges.subscribe(TOPIC, _heard)
nudges.when_deaf(_all_ask_again)
