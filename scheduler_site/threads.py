"""Threads that stay, and the way back from them to the event loop.

A ThreadPoolExecutor makes a Future with a lock of its own for each call, and wakes the loop for each. Here a call is an
entry of a queue, and the loop is woken once for all that was done until it looked. Decides no order.
"""

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

log = logging.getLogger(__name__)

Done = Callable[[Any, BaseException | None], None]  # what came of it, or what was raised


class WayBack:
    """To one loop, from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._done: deque[tuple[Done, Any, BaseException | None]] = deque()
        self._is_woken = False

    def put(self, done: Done, result: Any, error: BaseException | None) -> None:
        self._done.append((done, result, error))
        if self._is_woken:
            return
        self._is_woken = True
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        """Whatever comes after the first line wakes the loop again."""
        self._is_woken = False
        for _ in range(len(self._done)):
            done, result, error = self._done.popleft()
            try:
                done(result, error)
            except Exception:
                log.exception("answer_not_delivered")


class Call(NamedTuple):
    function: Callable[[], Any]
    done: Done
    back: WayBack


class Threads:
    """Begun with the first call; each calls `at_end` as the last thing it does."""

    def __init__(self, count: int, name: str, at_end: Callable[[], None]) -> None:
        self._count, self._name, self._at_end = count, name, at_end
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._back: WayBack | None = None

    def call(self, function: Callable[[], Any], done: Done) -> None:
        """From a loop: `function` in a thread, in a context of its own, then `done` on the loop."""
        self._calls.put(Call(function, done, self._way_back()))
        if not self._threads:
            self._begin()

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The same for who can wait."""
        future = asyncio.get_running_loop().create_future()
        self.call(lambda: function(*arguments), settle(future))
        return await future

    def close(self) -> None:
        """Returns when what runs has ended. What has not begun is dropped."""
        with suppress(Empty):
            while True:
                self._calls.get_nowait()
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []

    def _way_back(self) -> WayBack:
        loop = asyncio.get_running_loop()
        if self._back is None or self._back.loop is not loop:
            self._back = WayBack(loop)
        return self._back

    def _begin(self) -> None:
        for number in range(self._count):
            thread = Thread(target=self._work, name=f"{self._name}_{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call.back.put(call.done, *outcome(call.function))
            del call  # a thread that waits keeps no request
        self._at_end()


def outcome(function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """No language or prefix of an earlier request on this thread shines through."""
    try:
        return contextvars.Context().run(function), None
    except BaseException as error:  # noqa: BLE001 - whoever asked is told; the thread stays
        return None, error


def settle(future: asyncio.Future[Any]) -> Done:
    """Who waited for it may have been canceled meanwhile."""

    def settled(result: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    return settled
