"""Pause, resume, deactivate, reactivate over REST: staff only, refused when it makes no sense, written down."""

from typing import Any

import pytest

from agents.models import Agent
from tests.factories import make_agent
from tests.rest import post, rest

pytestmark = pytest.mark.django_db

VERBS = {"pause": "active", "resume": "paused", "deactivate": "active", "reactivate": "deactivated"}
AFTER = {"pause": "paused", "resume": "active", "deactivate": "deactivated", "reactivate": "active"}


def done(agent: Agent, verb: str, body: Any = None, *, is_staff: bool = True) -> Any:
    return post(rest("root" if is_staff else "ada", is_staff=is_staff), f"/api/agents/{agent.pk}/{verb}/", body)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb(verb: str) -> None:
    agent = make_agent("gpu-2", standing=VERBS[verb])
    body = done(agent, verb, {"reason": "maintenance"}).json()
    assert body == {"id": str(agent.pk), "name": "gpu-2", "status": "online", "standing": AFTER[verb]}
    agent.refresh_from_db()
    assert agent.standing == AFTER[verb]
    row = rest().get(f"/api/agents/{agent.pk}/events/").json()["results"][-1]
    assert (row["verb"], row["actor_name"], row["reason"]) == (verb, "root", "maintenance")


def test_a_new_secret_is_asked_for() -> None:
    agent = make_agent("gpu-2")
    assert done(agent, "rotate-secret", {"reason": "yearly"}).json()["standing"] == "active"
    agent.refresh_from_db()
    assert agent.secret_asked_at is not None
    row = rest().get(f"/api/agents/{agent.pk}/events/").json()["results"][-1]
    assert (row["verb"], row["actor_name"], row["reason"]) == ("secret_asked", "root", "yearly")
    Agent.objects.update(standing="deactivated")
    assert done(agent, "rotate-secret").status_code == 409


@pytest.mark.parametrize("verb", VERBS)
def test_only_from_a_fitting_standing(verb: str) -> None:
    agent = make_agent(standing=AFTER[verb])
    response = done(agent, verb)
    assert response.status_code == 409
    assert AFTER[verb] in response.json()["detail"]


@pytest.mark.parametrize("verb", VERBS)
def test_only_staff(verb: str) -> None:
    agent = make_agent(standing=VERBS[verb])
    assert done(agent, verb, is_staff=False).status_code == 403
    agent.refresh_from_db()
    assert agent.standing == VERBS[verb]


@pytest.mark.parametrize("body", [{"reson": "x"}, {"reason": 5}, {"reason": "x" * 301}, []])
def test_wrong_bodies_change_nothing(body: Any) -> None:
    agent = make_agent()
    assert done(agent, "pause", body).status_code == 400
    agent.refresh_from_db()
    assert agent.standing == "active"


@pytest.mark.parametrize("verb", VERBS)
def test_no_change_by_get_and_no_unknown_host(verb: str) -> None:
    path = f"/api/agents/{make_agent().pk}/{verb}/"
    assert rest("root", is_staff=True).get(path).status_code == 405
    unknown = f"/api/agents/00000000-0000-0000-0000-000000000000/{verb}/"
    assert post(rest("root", is_staff=True), unknown).status_code == 404
