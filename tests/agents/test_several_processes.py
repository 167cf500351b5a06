"""Heartbeats that come to another server process than the one that watches over hosts. What the other process would
do is done here by hand: it writes the host's row, and this process's memory knows nothing of it."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from agents import heartbeats, liveness, readings, supervision
from agents.models import Agent
from agents.readings import Resources
from agents.sessions import come_online
from tests.agents.conftest import Clock
from tests.factories import make_agent

pytestmark = pytest.mark.django_db


def heard_elsewhere(agent: Agent) -> None:
    """What flush and come_online of another process leave. Its clock may be an hour slow."""
    stamp = timezone.now() - timedelta(hours=1)
    Agent.objects.filter(pk=agent.pk).update(last_heartbeat_time=stamp, connectivity="online")


def swept(agent: Agent) -> str:
    supervision.sweep()
    agent.refresh_from_db()
    return agent.connectivity


def test_a_host_that_beats_elsewhere_stays_online(clock: Clock) -> None:
    agent = make_agent()
    for _ in range(60):
        clock.now += 2
        heard_elsewhere(agent)
        assert swept(agent) == "online"


def test_its_silence_counts_from_the_last_change(clock: Clock) -> None:
    agent = make_agent()
    heard_elsewhere(agent)
    assert swept(agent) == "online"
    clock.now += settings.UNREACHABLE_SECONDS - 0.1
    assert swept(agent) == "suspect"
    clock.now += 0.1
    assert swept(agent) == "unreachable"


def test_a_host_that_comes_back_elsewhere_is_not_lost_again_at_once(clock: Clock) -> None:
    """Its figures are flushed a second later only; that it is online is written at once."""
    agent = make_agent()
    liveness.heard(agent.pk)
    supervision.sweep()
    clock.now += 100
    assert swept(agent) == "unreachable"
    readings.keep(agent.pk, Resources())
    come_online(agent)
    assert swept(agent) == "online"


def test_what_this_process_wrote_itself_is_no_later_sign_of_life(clock: Clock) -> None:
    agent = make_agent(connectivity="suspect")
    supervision.sweep()
    heartbeats.receive(agent, Resources(), accepts_work=True)
    supervision.sweep()
    clock.now += 1
    readings.flush()
    supervision.sweep()
    assert liveness.silent_seconds(agent.pk) == 1


def test_a_start_beside_others_that_serve_makes_nobody_suspect() -> None:
    agent = make_agent()
    supervision.after_restart(others_serve=True)
    agent.refresh_from_db()
    assert (agent.connectivity, liveness.in_amnesty()) == ("online", True)
    supervision.after_restart()
    agent.refresh_from_db()
    assert agent.connectivity == "suspect"
