"""Calls to threads and the way back: every call is answered once, on the loop, and nothing is kept between two."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import translation

from scheduler_site.threads import Threads, WayBack
from tests.waiting import wait_until

ended: list[str] = []


@pytest.fixture
def threads() -> Iterator[Threads]:
    ended.clear()
    made = Threads(2, "tried", at_end=lambda: ended.append(threading.current_thread().name))
    yield made
    made.close()


async def test_what_a_function_gives_comes_back(threads: Threads) -> None:
    assert await asyncio.gather(*(threads.run(divmod, number, 7) for number in range(100))) == [
        divmod(number, 7) for number in range(100)
    ]


async def test_so_does_what_it_raises(threads: Threads) -> None:
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 1, 0)
    assert await threads.run(divmod, 1, 1) == (1, 0)


async def test_a_thread_outlives_what_would_end_it(threads: Threads) -> None:
    came: list[BaseException | None] = []
    for _ in range(4):
        threads.call(sys.exit, lambda _result, error: came.append(error))
    assert await threads.run(abs, -1) == 1
    while len(came) < 4:
        await asyncio.sleep(0)
    assert {type(error) for error in came} == {SystemExit}


async def test_it_comes_back_on_the_loop(threads: Threads) -> None:
    came: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    where = threading.current_thread
    threads.call(where, lambda result, _error: came.set_result((result.name, where())))
    name, delivered_in = await came
    assert (name.startswith("tried_"), delivered_in) == (True, where())


def test_one_loop_after_the_other(threads: Threads) -> None:
    assert [asyncio.run(threads.run(abs, -1)), asyncio.run(threads.run(abs, -2))] == [1, 2]


async def test_one_fault_on_the_loop_keeps_no_other_answer(threads: Threads) -> None:
    back, came = WayBack(asyncio.get_running_loop()), []
    back.put(lambda _result, _error: 1 / 0, None, None)
    back.put(lambda result, _error: came.append(result), "answer", None)
    while not came:
        await asyncio.sleep(0)
    assert came == ["answer"]


async def test_the_loop_is_woken_once_for_all_that_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, came, woken = asyncio.get_running_loop(), [], []
    wake = loop.call_soon_threadsafe
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda call: woken.append(wake(call)))
    back = WayBack(loop)
    for number in range(3):
        back.put(lambda result, _error: came.append(result), number, None)
    await asyncio.sleep(0)
    assert (came, len(woken)) == ([0, 1, 2], 1)
    back.put(lambda result, _error: came.append(result), 3, None)
    await asyncio.sleep(0)
    assert (came, len(woken)) == ([0, 1, 2, 3], 2)


async def test_who_is_canceled_meanwhile_leaves_the_thread_to_the_next(threads: Threads) -> None:
    goes_on = threading.Event()
    waiting = asyncio.create_task(threads.run(goes_on.wait, 20))
    await asyncio.sleep(0)
    waiting.cancel()
    goes_on.set()
    assert await threads.run(abs, -1) == 1


async def test_nothing_shines_through_from_an_earlier_call(threads: Threads) -> None:
    def leave_french() -> str:
        before = translation.get_language()
        translation.activate("fr")
        return str(before)

    assert {await threads.run(leave_french) for _ in range(6)} == {"en"}


async def test_what_runs_ends_and_what_has_not_begun_is_dropped(threads: Threads) -> None:
    goes_on, begun, done = threading.Event(), threading.Semaphore(0), []

    def held() -> None:
        begun.release()
        goes_on.wait(20)
        done.append("held")

    for _ in range(2):
        threads.call(held, lambda _result, _error: None)
    assert all(begun.acquire(timeout=20) for _ in range(2))
    threads.call(lambda: done.append("dropped"), lambda _result, _error: None)
    closing = threading.Thread(target=threads.close)
    closing.start()
    wait_until(lambda: threads._calls.qsize() == 2, 20, "both threads to be told to end")
    goes_on.set()
    closing.join(20)
    assert (done, sorted(ended)) == (["held", "held"], ["tried_0", "tried_1"])
