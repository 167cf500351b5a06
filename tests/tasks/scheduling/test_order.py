"""The order of the queue: priority, then age in steps of a day, then id."""

from datetime import timedelta

from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from tasks.scheduling.order import QueueEntry, sort_key

NOW = timezone.now()


def entry(task_id: int, priority: int = 3, hours: float = 0.0) -> QueueEntry:
    return QueueEntry(task_id, priority, NOW - timedelta(hours=hours))


def ordered(*entries: QueueEntry) -> list[int]:
    return [found.task_id for found in sorted(entries, key=lambda found: sort_key(found, NOW))]


def test_priority_one_comes_first_and_equals_by_id() -> None:
    assert ordered(entry(1, 5), entry(2, 3), entry(3, 1), entry(4, 3)) == [3, 2, 4, 1]


def test_tasks_of_the_same_hour_keep_the_order_of_their_ids() -> None:
    assert ordered(entry(2, 3, 0.9), entry(1, 3, 0.1)) == [1, 2]


def test_after_two_days_a_task_overtakes_newcomers_two_steps_higher() -> None:
    assert ordered(entry(1, 5, 49), entry(2, 3, 0)) == [1, 2]


@given(st.integers(1, 5), st.integers(1, 5))
def test_nobody_starves(low: int, high: int) -> None:
    assert ordered(entry(1, low, 24 * 5), entry(2, high, 0))[0] == 1


def test_a_clock_that_jumped_back_counts_as_no_age() -> None:
    assert sort_key(entry(1, 3, -5), NOW) == (3, 1)
