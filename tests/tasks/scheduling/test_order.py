"""The order of the queue: priority raised by age, then pressing deadlines, then who has used least, then age."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.scheduling.order import Claim, key, step

HOUR = 3600.0


def claim(task_id: int, priority: int = 3, hours: float = 0.0, start_in: float | None = None) -> Claim:
    return Claim(task_id, priority, hours * HOUR, start_in)


def ordered(*claims: Claim) -> list[int]:
    return [found.id for found in sorted(claims, key=lambda found: key(found, 0.0))]


def test_priority_one_comes_first_and_equals_by_id() -> None:
    assert ordered(claim(1, 5), claim(2, 3), claim(3, 1), claim(4, 3)) == [3, 2, 4, 1]


def test_within_a_step_whoever_waits_longest_comes_first() -> None:
    assert ordered(claim(1, 3, 0.1), claim(2, 3, 0.9)) == [2, 1]


def test_after_two_days_a_task_overtakes_newcomers_one_step_higher() -> None:
    assert ordered(claim(1, 5, 49), claim(2, 4, 0)) == [1, 2]


def test_the_user_who_has_used_less_comes_before_the_one_who_waits_longer() -> None:
    assert key(claim(1, 3, 0.0), used=0.1) < key(claim(2, 3, 5.0), used=0.2)


def test_a_pressing_deadline_comes_first_within_its_priority_only() -> None:
    assert ordered(claim(1, 3, 5.0), claim(2, 3, 0.0, start_in=HOUR), claim(3, 2, 0.0)) == [3, 2, 1]


def test_of_two_deadlines_the_one_that_has_to_start_first() -> None:
    assert ordered(claim(1, start_in=2 * HOUR), claim(2, start_in=HOUR), claim(3, start_in=-HOUR)) == [3, 2, 1]


def test_a_deadline_next_week_gains_nothing_yet() -> None:
    assert ordered(claim(1, 3, 0.0, start_in=7 * 24 * HOUR), claim(2, 3, 1.0)) == [2, 1]


@given(st.integers(1, 5), st.integers(1, 5), st.floats(0, 1e6), st.floats(0, 1e6))
def test_nobody_starves(low: int, high: int, used: float, less: float) -> None:
    """Whatever the priorities and shares, after enough days every newcomer stands behind."""
    assert key(claim(1, low, 24 * 5.0), used) < key(claim(2, high, 0.0, start_in=0.0), less)


def test_a_clock_that_jumped_back_counts_as_no_age() -> None:
    assert step(claim(1, 3, -5)) == 3
