"""The largest number of hosts is looked for upwards, then between; and a simulated host says what the protocol asks."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from benchmarks.heartbeats.__main__ import Settings, figures_of, is_fast_enough, largest
from benchmarks.heartbeats.host import Calls, Due, Heard
from tests.chaos.fleet.client import Caller


def up_to(most: int, asked: list[int]) -> Callable[[int], bool]:
    def is_good(number: int) -> bool:
        asked.append(number)
        return number <= most

    return is_good


@pytest.mark.parametrize(
    ("most", "found", "looked_at"),
    [
        (1000, 800, [50, 100, 200, 400, 800]),
        (300, 300, [50, 100, 200, 400, 300, 350]),
        (240, 200, [50, 100, 200, 400, 300, 250]),
        (10, 0, [50, 25, 12]),
    ],
)
def test_the_largest_number_that_is_good(most: int, found: int, looked_at: list[int]) -> None:
    asked: list[int] = []
    assert largest([50, 100, 200, 400, 800], 2, up_to(most, asked)) == found
    assert asked == looked_at


def test_only_calls_that_were_due_in_time_count() -> None:
    now = time.monotonic()
    heard = Heard(now, now + 10)
    assert [heard.counts(now + second) for second in (-1, 0, 9.9, 10)] == [False, True, True, False]


SETTINGS = Settings(tasks=10, seconds=10.0, beat_seconds=2.0, warm_up_seconds=0.0)


def heard_in(beats: list[float], reports: list[float], **more: int) -> Heard:
    """`more` is about the reports."""
    return Heard(0.0, 10.0, beats=Calls(beats), reports=Calls(reports, **more))


def test_one_slow_call_in_a_hundred_is_one_too_many() -> None:
    quick, slow = [0.01] * 100, [0.01] * 98 + [0.3, 0.3]
    assert is_fast_enough(figures_of(heard_in(quick, quick), SETTINGS))
    assert not is_fast_enough(figures_of(heard_in(slow, quick), SETTINGS))
    assert not is_fast_enough(figures_of(heard_in(quick, slow), SETTINGS))


def test_who_is_told_to_come_again_was_not_heard() -> None:
    assert not is_fast_enough(figures_of(heard_in([0.01], [0.01], refused=1), SETTINGS))


def test_calls_that_are_never_answered_are_no_calls_a_second() -> None:
    figures = figures_of(heard_in([0.01], [0.01, 0.1, 0.1], unanswered=2), SETTINGS)
    assert figures["reports_per_second"] == 0.1
    assert not is_fast_enough(figures)


def test_no_call_at_all_is_the_slowest() -> None:
    assert figures_of(heard_in([0.01], []), SETTINGS)["report_p99_ms"] == 10_000.0


class Answers:
    """A caller whose calls take as long as they are told to."""

    def __init__(self, *seconds: float) -> None:
        self._seconds = iter(seconds)
        self.bodies: list[Any] = []

    async def try_once(self, _method: str, _path: str, body: Any) -> dict[str, Any]:
        self.bodies.append(body)
        await asyncio.sleep(next(self._seconds))
        return {"next_in_seconds": 7.0}


async def called(answers: Answers, heard: Heard) -> None:
    """Every tenth of a second, until the answers are over."""
    due = Due(heard, heard.reports, 0.1)
    async for number in due:
        await due.timed(cast(Caller, answers), "report", number)
        if number == 3:
            return


async def test_a_late_answer_makes_the_calls_after_it_late() -> None:
    """However late each was sent: it counts from when it was due."""
    now = time.monotonic()
    heard = Heard(now, now + 60)
    answers = Answers(0.5, 0.0, 0.0)
    await called(answers, heard)
    assert answers.bodies == [1, 2, 3]
    first, second, third = heard.reports.seconds
    assert first >= 0.5
    assert second >= first - 0.101
    assert third >= second - 0.101
    assert heard.reports.asked == [7.0] * 3


async def test_what_was_due_and_never_answered_counts_when_one_leaves() -> None:
    now = time.monotonic()
    heard = Heard(now, now + 1.0)
    waiting = asyncio.create_task(called(Answers(3600.0), heard))
    async with asyncio.timeout(30):
        while time.monotonic() < now + 1.0:
            await asyncio.wait([waiting], timeout=1.0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert heard.reports.answered == 0
    assert heard.reports.unanswered in (9, 10)
    assert len(heard.reports.seconds) == heard.reports.unanswered
