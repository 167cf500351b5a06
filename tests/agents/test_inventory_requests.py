"""Asking a host for its inventory: once, and not again at once; whichever process its heartbeat comes to."""

import pytest

from agents import inventory_requests
from agents.models import Agent
from tests.agents.conftest import Clock
from tests.factories import make_agent

pytestmark = pytest.mark.django_db


def taken(agent: Agent) -> bool:
    """By the process that its next heartbeat comes to, which reads the row."""
    return inventory_requests.take(Agent.objects.get(pk=agent.pk))


def test_asked_once_taken_once() -> None:
    host = make_agent()
    assert not taken(host)
    inventory_requests.ask(host.pk)
    inventory_requests.ask(host.pk)
    assert not taken(make_agent("another"))
    assert taken(host)
    assert not taken(host)


def test_two_heartbeats_at_once_do_not_both_take_it() -> None:
    host = make_agent()
    inventory_requests.ask(host.pk)
    both = [Agent.objects.get(pk=host.pk), Agent.objects.get(pk=host.pk)]
    assert [inventory_requests.take(row) for row in both] == [True, False]


def test_the_next_time_is_half_a_minute_later(clock: Clock) -> None:
    host = make_agent()
    inventory_requests.ask(host.pk)
    assert taken(host)
    clock.now += inventory_requests.AGAIN_AFTER_SECONDS - 1
    inventory_requests.ask(host.pk)
    assert not taken(host)
    clock.now += 1
    inventory_requests.ask(host.pk)
    assert taken(host)


def test_a_heartbeat_of_a_host_that_is_not_asked_costs_no_query(django_assert_num_queries: object) -> None:
    host = make_agent()
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert not inventory_requests.take(host)
