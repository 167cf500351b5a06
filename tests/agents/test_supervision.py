"""The sweep: online, suspect, unreachable; never better, never in the amnesty, never against a heartbeat."""

import pytest
from django.conf import settings

from agents import liveness, supervision
from agents.models import Agent
from agents.sessions import come_online
from tests.agents.conftest import Clock
from tests.factories import make_agent

pytestmark = pytest.mark.django_db


def swept(agent: Agent) -> str:
    supervision.sweep()
    agent.refresh_from_db()
    return agent.connectivity


@pytest.mark.parametrize(
    ("before", "silent", "after"),
    [
        ("online", 0, "online"),
        ("online", 5.9, "online"),
        ("online", 6, "suspect"),
        ("suspect", 0, "suspect"),  # only a heartbeat brings it back
        ("suspect", 29.9, "suspect"),
        ("online", 30, "unreachable"),
        ("suspect", 30, "unreachable"),
        ("unreachable", 0, "unreachable"),
    ],
)
def test_judgement(clock: Clock, before: str, silent: float, after: str) -> None:
    agent = make_agent(connectivity=before)
    liveness.heard(agent.pk)
    clock.now += silent
    assert swept(agent) == after


def test_never_heard_is_unreachable_unless_the_server_has_just_started(clock: Clock) -> None:
    agent = make_agent()
    supervision.after_restart()
    assert swept(agent) == "suspect"
    clock.now += settings.AMNESTY_SECONDS + 1
    assert swept(agent) == "unreachable"


def test_in_the_amnesty_a_silent_host_is_suspect_at_worst(clock: Clock) -> None:
    agent = make_agent()
    supervision.after_restart()
    liveness.heard(agent.pk)
    clock.now += 45
    assert swept(agent) == "suspect"


def test_the_history_says_it_once(clock: Clock) -> None:
    agent = make_agent()
    liveness.heard(agent.pk)
    for _ in range(5):
        clock.now += 20
        supervision.sweep()
    (event,) = agent.events.all()
    assert (event.verb, event.from_state, event.to_state) == ("unreachable", "suspect", "unreachable")


def test_a_heartbeat_that_came_in_between_wins(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged on an old row; meanwhile the host was heard again."""
    agent = make_agent(connectivity="suspect")
    original = supervision.judge

    def heard_after_judging(row: Agent) -> str:
        judged = original(row)
        come_online(Agent.objects.get(pk=row.pk))
        return judged

    monkeypatch.setattr(supervision, "judge", heard_after_judging)
    assert supervision.sweep() == []
    agent.refresh_from_db()
    assert agent.connectivity == "online"


def test_the_sweep_says_who_changed_and_reads_no_figures(clock: Clock, django_assert_num_queries: object) -> None:
    changed, _same = make_agent("a"), make_agent("b", connectivity="suspect")
    for agent in Agent.objects.all():
        liveness.heard(agent.pk)
    clock.now += 10
    assert [agent.pk for agent in supervision.sweep()] == [changed.pk]
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert supervision.sweep() == []
