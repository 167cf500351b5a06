"""Rotation of a host's secret: which of the two is good at which moment, and what is written down."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed

from agents import administration, rotation
from agents.authentication import authenticated_agent
from agents.credentials import hashed
from agents.models import Agent
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict
from tests.factories import make_agent
from tests.tasks.protocol import PaperHost

pytestmark = pytest.mark.django_db
ADA = Actor("user", "ada")
OLD = "old secret"


@pytest.fixture
def agent() -> Agent:
    return make_agent(secret_hash=hashed(OLD))


def lets_in(agent: Agent, secret: str) -> bool:
    try:
        return authenticated_agent(f"Agent {agent.pk}:{secret}") == agent
    except AuthenticationFailed:
        return False


def now(agent: Agent) -> Agent:
    return Agent.objects.get(pk=agent.pk)


def verbs(agent: Agent) -> list[str]:
    return list(agent.events.order_by("id").values_list("verb", flat=True))


def test_both_are_good_until_the_new_one_is_used(agent: Agent) -> None:
    new = rotation.issue(agent)
    assert [lets_in(agent, OLD), lets_in(agent, OLD), lets_in(agent, new)] == [True, True, True]
    assert [lets_in(agent, OLD), lets_in(agent, new)] == [False, True]
    assert verbs(agent) == ["secret_issued", "secret_rotated"]
    assert now(agent).secret_hash == hashed(new)


def test_the_old_one_ends_by_time_and_the_new_one_does_not(agent: Agent) -> None:
    new = rotation.issue(agent)
    Agent.objects.update(next_secret_at=timezone.now() - timedelta(hours=23.9))
    assert lets_in(agent, OLD)
    Agent.objects.update(next_secret_at=timezone.now() - timedelta(hours=24.1))
    assert [lets_in(agent, OLD), lets_in(agent, new), lets_in(agent, OLD)] == [False, True, False]


def test_a_later_issue_makes_the_earlier_one_void_and_leaves_the_old_one(agent: Agent) -> None:
    first = rotation.issue(agent)
    second = rotation.issue(now(agent))
    assert [lets_in(agent, first), lets_in(agent, OLD), lets_in(agent, second)] == [False, True, True]
    assert verbs(agent) == ["secret_issued", "secret_rotated"]


def test_an_issue_that_comes_after_the_change_is_refused(agent: Agent) -> None:
    """Its caller was let in with the old secret; taken, it would end the present one in a day."""
    late = now(agent)
    new = rotation.issue(agent)
    assert lets_in(agent, new)
    with pytest.raises(Conflict):
        rotation.issue(late)
    assert now(agent).next_secret_hash == ""


def test_deactivating_refuses_both_at_once(agent: Agent) -> None:
    new = rotation.issue(agent)
    administration.deactivate(now(agent), actor=ADA)
    assert [lets_in(agent, OLD), lets_in(agent, new)] == [False, False]
    assert now(agent).secret_hash == hashed(OLD)  # the refused use ended nothing


def test_it_is_asked_for_until_the_new_one_was_used() -> None:
    host = PaperHost()
    agent = Agent.objects.get()
    assert host.beat()["rotate_secret"] is False
    rotation.ask(agent, actor=ADA, reason="every year")
    assert [host.beat()["rotate_secret"] for _ in range(2)] == [True, True]
    new = host.post("secret", {"epoch": host.epoch})["agent_secret"]
    assert host.beat()["rotate_secret"] is True  # as when the reply was lost
    old, host.credential = host.credential, f"Agent {host.agent_id}:{new}"
    assert host.beat()["rotate_secret"] is False
    host.post("heartbeat", {}, old)
    assert host.status == 401
    row = agent.events.get(verb="secret_asked")
    assert (row.actor_name, row.reason) == ("ada", "every year")


def test_one_that_the_agent_fetched_unasked_is_asked_for_until_it_was_used() -> None:
    """Otherwise a lost reply would end the old one in a day, and nobody would have the new one."""
    host = PaperHost()
    host.post("secret", {"epoch": host.epoch})
    assert host.beat()["rotate_secret"] is True


def test_only_the_latest_session_gets_one_and_none_in_quarantine() -> None:
    host = PaperHost()
    host.open_session(incarnation="later")
    assert (host.post("secret", {"epoch": host.epoch - 1})["code"], host.status) == ("stale_epoch", 409)
    Agent.objects.update(quarantined_at=timezone.now())
    assert (host.post("secret", {"epoch": host.epoch})["code"], host.status) == ("quarantined", 503)
    assert Agent.objects.get().next_secret_hash == ""


@pytest.mark.parametrize("standing", ["deactivated", "removed"])
def test_a_host_without_a_good_secret_is_not_asked(agent: Agent, standing: str) -> None:
    Agent.objects.update(standing=standing)
    with pytest.raises(Conflict, match=standing):
        rotation.ask(now(agent), actor=ADA)


def test_no_secret_is_kept_in_the_clear(agent: Agent) -> None:
    new = rotation.issue(agent)
    assert new not in str(Agent.objects.values().get()) + str(list(agent.events.values()))
