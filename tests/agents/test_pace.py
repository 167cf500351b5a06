"""Few agents call often, many more rarely, and a host's silence is judged by what it was asked to do."""

from types import SimpleNamespace

import pytest

from agents import liveness, pace, supervision
from agents.pace import Callers
from agents.states import Connectivity
from scheduler_site.shared import throughput
from tests.agents.conftest import Clock
from tests.factories import make_agent


@pytest.fixture
def callers(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callers:
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=clock))
    return Callers(2.0, lambda: 10)


def test_the_more_call_the_more_rarely_each_is_asked_to(callers: Callers, clock: Clock) -> None:
    for key in range(20):
        callers.called(key)
    assert callers.seconds() == 2.0
    for key in range(100):
        callers.called(key)
    clock.now += 2
    assert (callers.seconds(), callers.stretched(6.0)) == (10.0, 30.0)


def test_who_is_gone_is_not_counted(callers: Callers, clock: Clock) -> None:
    for key in range(100):
        callers.called(key)
    clock.now += pace.COUNTED_SECONDS
    assert callers.seconds() == 2.0


def test_after_a_start_those_who_will_come_count(callers: Callers, clock: Clock) -> None:
    callers.expect(100)
    assert callers.seconds() == 10.0
    clock.now += pace.COUNTED_SECONDS
    assert callers.seconds() == 2.0


@pytest.mark.django_db
def test_a_host_that_is_asked_to_beat_rarely_may_be_silent_for_longer(
    callers: Callers, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "beats", callers)
    agent = make_agent()
    callers.expect(100)
    liveness.heard(agent.pk)
    clock.now += 20
    assert supervision.judge(agent) == Connectivity.ONLINE
    clock.now += 15
    assert supervision.judge(agent) == Connectivity.SUSPECT
    clock.now += 120
    assert supervision.judge(agent) == Connectivity.UNREACHABLE


def test_a_pace_that_was_announced_is_forgotten_no_sooner_than_it_is_over(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server was slow for a moment; whoever was told to call after a minute is not silent until that is over."""
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=clock))
    per_second = 1.0
    callers = Callers(2.0, lambda: per_second)
    callers.expect(1000)
    announced = callers.seconds()
    assert announced == pace.LONGEST_SECONDS
    per_second = 10_000.0
    for _ in range(int(announced * 1.1)):
        clock.now += 1
        callers.seconds()
    assert callers.stretched(6.0) > announced * 1.1
    for _ in range(600):
        clock.now += 1
        callers.seconds()
    assert callers.seconds() == 2.0


def test_a_server_that_serves_slowly_is_called_more_rarely() -> None:
    throughput.measured_by(lambda: 20.0)
    try:
        assert throughput.at_most(50, 0.25) == 5.0
        assert throughput.at_most(4, 0.25) == 4
    finally:
        throughput.measured_by(None)
    assert throughput.at_most(50, 0.25) == 50
