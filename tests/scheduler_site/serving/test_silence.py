"""Connections on which nobody says anything end in time, and others do not."""

from types import SimpleNamespace

import pytest
from twisted.internet.task import Clock

from scheduler_site.serving import silence


class Line(silence.SilenceTimer):
    def __init__(self, clock: Clock) -> None:
        self.callLater = clock.callLater
        self.ended: list[float] = []
        self.timeoutConnection = lambda: self.ended.append(clock.seconds())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(silence, "time", SimpleNamespace(monotonic=made.seconds))
    return made


@pytest.fixture
def line(clock: Clock) -> Line:
    made = Line(clock)
    assert made.setTimeout(60) is None
    return made


def test_silence_ends_it(clock: Clock, line: Line) -> None:
    clock.pump([59, 2, 100])
    assert line.ended == [61]


def test_whoever_is_heard_has_as_long_again(clock: Clock, line: Line) -> None:
    for _ in range(5):
        clock.advance(40)
        line.resetTimeout()
    assert line.ended == []
    clock.pump([30, 30])
    assert line.ended == [260]


def test_no_answer_takes_too_long(clock: Clock, line: Line) -> None:
    clock.advance(30)
    assert line.setTimeout(None) == 60
    clock.advance(1000)
    assert (line.ended, clock.getDelayedCalls()) == ([], [])
    line.setTimeout(60)
    clock.pump([59, 1])
    assert line.ended == [1090]


def test_many_requests_take_one_timer(clock: Clock, line: Line) -> None:
    (timer,) = clock.getDelayedCalls()
    for _ in range(10):
        line.setTimeout(line.setTimeout(None))
    assert clock.getDelayedCalls() == [timer]


def test_a_lost_connection_has_none(clock: Clock, line: Line) -> None:
    line.end_timer()
    line.end_timer()
    assert clock.getDelayedCalls() == []
