"""Sessions: a new epoch each, who the host is now, and back online."""

from typing import Any

import pytest

from agents import liveness, readings, sessions
from agents.models import Agent
from agents.readings import Resources
from scheduler_site.shared.errors import StaleEpoch
from tests.factories import make_agent

pytestmark = pytest.mark.django_db


def opened(agent: Agent, incarnation: str = "first", **more: Any) -> int:
    facts = {"boot_id": "boot-2", "machine_id": "m", "agent_version": "2", "host": {"hostname": "box", "zone": "lab"}}
    return sessions.open_session(
        agent, sessions.SessionFacts(incarnation=incarnation, **{**facts, **more}), Resources(cpu_cores=4.0)
    )


def test_each_session_has_a_higher_epoch_and_closes_the_one_before() -> None:
    agent = make_agent(epoch=0)
    assert [opened(agent), opened(agent)] == [1, 2]
    sessions.require_epoch(agent, 2)
    for wrong in (1, 3):
        with pytest.raises(StaleEpoch):
            sessions.require_epoch(agent, wrong)


def test_two_at_the_same_moment_get_two_epochs() -> None:
    agent = make_agent(epoch=0)
    as_read_before = Agent.objects.get(pk=agent.pk)
    assert [opened(agent), opened(as_read_before)] == [1, 2]


def test_it_says_who_the_host_is_now() -> None:
    agent = make_agent(connectivity="unreachable")
    opened(agent)
    found = Agent.objects.get()
    assert (found.hostname, found.zone, found.boot_id, found.agent_version) == ("box", "lab", "boot-2", "2")
    assert (found.connectivity, found.cpu_cores) == ("online", 4)
    assert readings.latest(found).cpu_cores == 4
    assert liveness.silent_seconds(agent.pk) == 0


def test_a_host_that_does_not_say_its_name_keeps_it() -> None:
    agent = make_agent(hostname="box")
    opened(agent, host={"zone": None})
    assert Agent.objects.get().hostname == "box"


def test_only_another_process_is_a_restart() -> None:
    agent = make_agent(incarnation="first")
    started_at = agent.started_at
    opened(agent, "first")
    assert Agent.objects.get().started_at == started_at
    assert not agent.events.filter(verb="session_opened").exists()
    opened(agent, "second")
    assert Agent.objects.get().started_at > started_at
    assert agent.events.get(verb="session_opened").detail["boot_id"] == "boot-2"


def test_a_request_that_came_late_is_not_believed() -> None:
    agent = make_agent(epoch=0)
    opened(agent, "first", after_epoch=0)
    opened(agent, "first", after_epoch=1)
    with pytest.raises(StaleEpoch) as refusal:
        opened(agent, "first", after_epoch=0)
    assert refusal.value.extra == {"epoch": 2}
    assert Agent.objects.get().epoch == 2


def test_an_agent_that_does_not_say_what_it_knows_is_believed() -> None:
    agent = make_agent(epoch=0)
    opened(agent, "first", after_epoch=None)
    assert opened(agent, "first", after_epoch=None) == 2
