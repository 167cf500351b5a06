"""Few agents call often, many more rarely, and a host's silence is judged by what it was asked to do."""

from types import SimpleNamespace

import pytest

from agents import liveness, pace, supervision
from agents.pace import Callers
from agents.states import Connectivity
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
