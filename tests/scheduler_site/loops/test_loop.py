import threading
from collections.abc import Iterator

import pytest

from scheduler_site.loops import loop as loop_module
from scheduler_site.loops.loop import Loop
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db
NEVER = 3600.0


class Turns:
    """A turn that counts, and raises while told to."""

    def __init__(self, delay: float = NEVER) -> None:
        self.count, self.delay, self.error = 0, delay, None
        self.error: BaseException | None

    def __call__(self) -> float:
        self.count += 1
        if self.error is not None:
            raise self.error
        return self.delay


class FakeLease:
    def __init__(self, is_held: bool) -> None:
        self.is_held, self.released = is_held, False

    def held(self) -> bool:
        return self.is_held

    def release(self) -> None:
        self.released = True


@pytest.fixture
def loops(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Loop]]:
    monkeypatch.setattr(loop_module, "STAND_BY_SECONDS", 0.01)
    monkeypatch.setattr(loop_module, "FIRST_BACK_OFF_SECONDS", 0.01)
    started: list[Loop] = []
    yield started
    for loop in started:
        loop.stop()
        loop.join(10)


def test_it_turns_again_after_the_time_the_turn_asked_for(loops: list[Loop]) -> None:
    turns = Turns(0.001)
    loops.append(Loop("quick", turns))
    loops[0].start()
    wait_until(lambda: turns.count >= 3, 10, "three turns")
    assert loops[0].is_healthy()


def test_a_wake_up_ends_the_wait(loops: list[Loop]) -> None:
    turns, wake = Turns(), threading.Event()
    loops.append(Loop("woken", turns, wake))
    loops[0].start()
    wait_until(lambda: turns.count == 1, 10, "the first turn")
    wake.set()
    wait_until(lambda: turns.count == 2, 10, "the turn after the wake-up")


def test_a_wake_up_during_a_turn_is_not_lost(loops: list[Loop]) -> None:
    wake = threading.Event()
    counted: list[int] = []

    def turn() -> float:
        counted.append(1)
        if len(counted) == 1:
            wake.set()
        return NEVER

    loops.append(Loop("woken", turn, wake))
    loops[0].start()
    wait_until(lambda: len(counted) == 2, 10, "the second turn")


@pytest.mark.matrix(14)
def test_a_failing_turn_turns_health_red_and_a_good_one_green_again(loops: list[Loop]) -> None:
    turns = Turns()
    turns.error = RuntimeError("broken")
    loops.append(Loop("frail", turns))
    loops[0].start()
    wait_until(lambda: loops[0].failures >= 2, 10, "two failures")
    assert not loops[0].is_healthy()
    turns.error = None
    wait_until(loops[0].is_healthy, 10, "health")
    assert loops[0].report()["failures"] == 0


@pytest.mark.matrix(14)
@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), MemoryError()], ids=repr)
def test_nothing_that_a_turn_raises_ends_the_loop(loops: list[Loop], error: BaseException) -> None:
    turns = Turns()
    turns.error = error
    loops.append(Loop("tough", turns))
    loops[0].start()
    wait_until(lambda: loops[0].failures >= 2, 10, "two failures")
    turns.error = None
    wait_until(loops[0].is_healthy, 10, "health")


def test_a_loop_that_hangs_is_not_healthy(loops: list[Loop], monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def turn() -> float:
        go_on.wait(10)
        return NEVER

    monkeypatch.setattr(loop_module, "STUCK_AFTER_SECONDS", 0.05)
    loops.append(Loop("stuck", turn))
    loops[0].start()
    wait_until(lambda: not loops[0].is_healthy(), 10, "the loop to be found stuck")
    go_on.set()
    wait_until(loops[0].is_healthy, 10, "health")


def test_without_the_lease_it_stands_by_and_is_healthy(loops: list[Loop]) -> None:
    turns, lease = Turns(), FakeLease(is_held=False)
    loops.append(Loop("second", turns, lease=lease))
    loops[0].start()
    wait_until(lambda: loops[0].is_standing_by, 10, "standing by")
    assert loops[0].is_healthy()
    assert turns.count == 0
    lease.is_held = True
    wait_until(lambda: turns.count == 1, 10, "the turn after the lease came")


def test_who_stands_by_is_not_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """News for the one that acts would make it ask for the lease each time."""
    loop = Loop("second", Turns(), lease=FakeLease(is_held=False))
    waited: list[str] = []
    monkeypatch.setattr(loop.wake, "wait", lambda _seconds: waited.append("wake"))
    monkeypatch.setattr(loop._stopping, "wait", lambda _seconds: waited.append("stop"))
    loop._wait(1)
    loop._turn_once()
    loop._wait(1)
    assert waited == ["wake", "stop"]


def test_at_the_end_the_lease_is_given_back_and_the_thread_is_gone(loops: list[Loop]) -> None:
    lease = FakeLease(is_held=True)
    loop = Loop("ending", Turns(), lease=lease)
    loop.start()
    loop.stop()
    loop.join(10)
    assert lease.released
    assert not loop.is_healthy()
