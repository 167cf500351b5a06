"""Drain, stop and remove over REST: for operators only, refused with a sentence, written down."""

from typing import Any

import pytest

from agents.models import Agent
from tests.factories import make_agent, make_sub_agent
from tests.rest import post, rest

pytestmark = pytest.mark.django_db


def done(agent: Agent, verb: str, body: Any = None, *, is_staff: bool = True) -> Any:
    return post(rest("root" if is_staff else "ada", is_staff=is_staff), f"/api/agents/{agent.pk}/{verb}/", body)


def last_event(agent: Agent) -> dict[str, Any]:
    row: dict[str, Any] = rest().get(f"/api/agents/{agent.pk}/events/").json()["results"][-1]
    return row


def test_drain() -> None:
    agent = make_agent("gpu-1")
    reply = done(agent, "drain", {"reason": "new disk"})
    assert (reply.status_code, reply.json()["standing"]) == (200, "draining")
    assert (last_event(agent)["verb"], last_event(agent)["reason"]) == ("drain", "new disk")


@pytest.mark.parametrize(("scripts", "standing", "wish"), [
    ("leave", "active", "end"),
    ("drain", "draining", "end_when_empty"),
    ("kill", "draining", "end_when_empty"),
])  # fmt: skip
def test_stop_with_each_choice(scripts: str, standing: str, wish: str) -> None:
    agent = make_agent()
    assert done(agent, "stop", {"scripts": scripts, "reason": "moving"}).json()["standing"] == standing
    agent.refresh_from_db()
    assert (agent.standing, agent.wish) == (standing, wish)
    assert last_event(agent)["reason"] == "moving"


def test_stop_leaves_scripts_unless_told_otherwise_and_knows_its_choices() -> None:
    agent = make_agent()
    assert done(agent, "stop", {"scripts": "burn"}).status_code == 400
    assert done(agent, "stop").json()["standing"] == "active"
    agent.refresh_from_db()
    assert agent.wish == "end"


def test_remove_is_refused_while_something_runs_and_hides_the_host_after() -> None:
    agent = make_agent("box")
    running = make_sub_agent(agent=agent)
    reply = done(agent, "remove")
    assert reply.status_code == 409
    assert f"task {running.task_id} runs there" in reply.json()["detail"]
    idle = make_agent("idle")
    assert done(idle, "remove", {"reason": "sold"}).json()["standing"] == "removed"
    assert [row["name"] for row in rest().get("/api/agents/").json()["results"]] == ["box"]
    assert done(idle, "resume").status_code == 409
    assert last_event(idle)["reason"] == "sold"


@pytest.mark.parametrize("verb", ["drain", "stop", "remove"])
def test_only_operators(verb: str) -> None:
    agent = make_agent()
    assert done(agent, verb, is_staff=False).status_code == 403
    agent.refresh_from_db()
    assert (agent.standing, agent.wish) == ("active", "")
