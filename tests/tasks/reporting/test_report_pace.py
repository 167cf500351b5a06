"""How often sub agents are asked to report: the more rarely the more they are, with a lease several times in it."""

import uuid
from typing import Any

import pytest

from agents.pace import Callers
from tasks.host_ends.leases import BEATS_IN_A_LEASE
from tasks.reporting import report_pace
from tasks.states import SubAgentState
from tests.factories import make_agent, make_sub_agent

WHO = uuid.uuid4()


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many that each is asked to come every minute."""
    callers = Callers(1.0, lambda: 0.01)
    callers.expect(1000)
    monkeypatch.setattr(report_pace, "reports", callers)


def reply(renewal: dict[str, float] | None) -> dict[str, object]:
    return {"sub_agent_id": "1", "renewal": renewal}


def test_one_of_many_comes_rarely(many: None) -> None:
    assert report_pace.next_in_seconds(WHO, [reply(None)]) == 60.0


@pytest.mark.parametrize("seconds", [10.0, 30.0, 300.0])
def test_with_a_lease_it_comes_several_times_before_it_ends(many: None, settings: Any, seconds: float) -> None:
    settings.FAILOVER_STOP_SECONDS = seconds
    asked = report_pace.next_in_seconds(WHO, [reply({"stop_after_seconds": seconds, "kill_within_seconds": 20.0})])
    assert asked == min(60.0, seconds / BEATS_IN_A_LEASE)


def test_few_come_each_second() -> None:
    assert report_pace.next_in_seconds(WHO, [reply(None)]) == report_pace.next_in_seconds(WHO, [reply({})]) == 1.0


def test_the_entries_of_one_host_count_as_a_few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_pace, "reports", Callers(1.0, lambda: 1.0))
    assert report_pace.next_in_seconds(WHO, [reply(None)] * 40) == 6.0
    assert report_pace.next_in_seconds(WHO, [reply(None)] * 40) == 6.0


@pytest.mark.django_db
def test_after_a_restart_each_host_is_expected_to_speak_for_all_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_pace, "reports", Callers(1.0, lambda: 1.0))
    first, second = make_agent(), make_agent()
    for agent in [first] * 17 + [second] * 2:
        make_sub_agent(agent=agent, state=SubAgentState.RUNNING)
    make_sub_agent(state=SubAgentState.ASSIGNED)
    report_pace.after_restart()
    assert report_pace.reports.seconds() == 3.0 + 1.0
