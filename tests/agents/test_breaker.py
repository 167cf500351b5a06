"""When the breaker of mass lapses opens, and when it closes again."""

from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client

from agents import alarms, breaker, liveness, supervision
from agents.models import Agent, PlacementEvent
from tests.agents.conftest import Clock
from tests.factories import make_agent, make_user

pytestmark = pytest.mark.django_db


def fleet(size: int) -> list[Agent]:
    return [make_agent(f"host-{number}") for number in range(size)]


def lapse(*agents: Agent) -> bool:
    for agent in agents:
        Agent.objects.filter(pk=agent.pk).update(connectivity="unreachable")
        breaker.count(agent)
    return breaker.turn()


def come_back(*agents: Agent) -> None:
    Agent.objects.filter(pk__in=[agent.pk for agent in agents]).update(connectivity="online")


@pytest.mark.parametrize(
    ("size", "silent", "is_open"),
    [
        (5, 2, False),
        (5, 3, True),
        (6, 3, False),
        (100, 50, False),
        (100, 51, True),
        (2, 1, False),
        (2, 2, True),
        (1, 1, True),
    ],
)
def test_it_opens_when_most_hosts_fall_silent_or_none_is_left(
    clock: Clock, size: int, silent: int, is_open: bool
) -> None:
    assert lapse(*fleet(size)[:silent]) is is_open
    assert breaker.turn() is is_open
    assert bool(alarms.sentences()) is is_open


def test_hosts_that_fell_silent_one_by_one_do_not_open_it(clock: Clock) -> None:
    agents = fleet(6)
    for agent in agents[:5]:
        assert lapse(agent) is False
        clock.now += settings.BREAKER_WINDOW_SECONDS + 1


def test_hosts_that_operators_deactivated_do_not_count(clock: Clock) -> None:
    agents = fleet(5)
    Agent.objects.filter(pk__in=[agent.pk for agent in agents[:3]]).update(standing="deactivated")
    for agent in agents:
        agent.refresh_from_db()
    assert lapse(*agents[:3]) is False


def test_it_closes_a_lease_after_a_silent_host_was_heard(clock: Clock) -> None:
    agents = fleet(5)
    assert lapse(*agents[:3])
    clock.now += 600
    assert breaker.turn()  # those that were never silent are no sign
    come_back(agents[1])
    assert breaker.turn()
    clock.now += settings.UNREACHABLE_SECONDS
    assert not breaker.turn()
    assert [event.verb for event in PlacementEvent.objects.order_by("id")] == ["breaker_opened", "breaker_closed"]
    assert alarms.sentences() == []


def test_it_closes_after_an_hour_at_the_latest(clock: Clock) -> None:
    assert lapse(*fleet(3))
    clock.now += settings.BREAKER_LONGEST_SECONDS - 1
    assert breaker.turn()
    clock.now += 1
    assert not breaker.turn()
    assert not breaker.turn()


def test_a_restart_does_not_close_it(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lapse(*fleet(3))
    monkeypatch.setattr(breaker, "_open_since", None)
    clock.now += settings.BREAKER_LONGEST_SECONDS + 1
    assert breaker.turn()
    clock.now += settings.BREAKER_LONGEST_SECONDS
    assert not breaker.turn()


def test_people_are_told(clock: Clock, client: Client) -> None:
    lapse(*fleet(4)[:3])
    health: Any = client.get("/health/").json()
    assert health["breaker"] == "open"
    client.force_login(make_user("ada"))
    assert "3 of 4 hosts fell silent at once." in client.get("/overview/").content.decode()
    assert client.get("/api/overview/").json()["alarms"] == alarms.sentences()
    come_back(*Agent.objects.all())
    breaker.turn()
    clock.now += settings.UNREACHABLE_SECONDS
    breaker.turn()
    assert "fell silent" not in client.get("/overview/").content.decode()


def test_a_turn_that_fails_forgets_no_silence(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database was locked just when it was to open, or after some of the hosts were looked at."""
    agents = fleet(5)
    for agent in agents:
        liveness.heard(agent.pk)
    clock.now += 60
    for agent in agents[3:]:
        liveness.heard(agent.pk)
    with monkeypatch.context() as broken:
        broken.setattr(breaker, "_open", _locked)
        supervision.sweep()
        with pytest.raises(OperationalError):
            breaker.turn()
    supervision.sweep()
    assert breaker.turn()


def _locked(*_: Any) -> None:
    raise OperationalError("database is locked")
