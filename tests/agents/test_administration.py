"""What operators decide: every standing x every verb."""

from collections.abc import Callable

import pytest

from agents import administration
from agents.models import Agent
from agents.states import Standing
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict
from tests.factories import make_agent

pytestmark = pytest.mark.django_db

TABLE = {
    administration.pause: {"active": "paused", "draining": "paused"},
    administration.resume: {"paused": "active", "draining": "active"},
    administration.drain: dict.fromkeys(("active", "draining", "paused"), "draining"),
    administration.deactivate: dict.fromkeys(("active", "draining", "paused"), "deactivated"),
    administration.reactivate: {"deactivated": "active"},
    administration.remove: dict.fromkeys(("active", "draining", "paused", "deactivated"), "removed"),
}


@pytest.mark.parametrize("verb", list(TABLE))
@pytest.mark.parametrize("before", Standing.values)
def test_matrix(verb: Callable[..., Agent], before: str) -> None:
    agent = make_agent(standing=before)
    expected = TABLE[verb].get(before)
    if expected is None:
        with pytest.raises(Conflict, match=before):
            verb(agent, actor=Actor("user", "ada"))
        assert not agent.events.exists()
    else:
        assert verb(agent, actor=Actor("user", "ada"), reason="why").standing == expected
        event = agent.events.get()
        assert (event.from_state, event.to_state, event.actor_name, event.reason) == (before, expected, "ada", "why")
    assert Agent.objects.get().standing == (expected or before)


def test_the_history_says_what_it_was_even_if_the_page_was_old() -> None:
    agent = make_agent()
    old = Agent.objects.get(pk=agent.pk)
    administration.pause(agent, actor=Actor("user", "ada"))
    administration.deactivate(old, actor=Actor("user", "bob"))
    assert agent.events.last().from_state == "paused"
