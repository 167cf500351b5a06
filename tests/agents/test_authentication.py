"""Credentials of hosts: right, wrong, malformed, revoked."""

import pytest
from rest_framework.exceptions import AuthenticationFailed

from agents.authentication import authenticated_agent, credential, identified
from agents.credentials import hashed, new_secret
from agents.models import Agent
from tests.factories import make_agent

pytestmark = pytest.mark.django_db


@pytest.fixture
def secret() -> str:
    return new_secret()


@pytest.fixture
def agent(secret: str) -> Agent:
    return make_agent(secret_hash=hashed(secret))


def test_the_right_secret(agent: Agent, secret: str) -> None:
    assert authenticated_agent(f"Agent {agent.pk}:{secret}") == agent
    assert authenticated_agent(f"agent  {agent.pk}:{secret} ") == agent


@pytest.mark.parametrize(
    "header",
    ["", "Agent", "Agent ", "Bearer {pk}:{secret}", "Agent {pk}", "Agent {pk}:", "Agent {pk}:wrong", "Agent {pk}:é",
     "Agent box:{secret}", "Agent 00000000-0000-0000-0000-000000000000:{secret}"],
)  # fmt: skip
def test_anything_else_is_refused(agent: Agent, secret: str, header: str) -> None:
    with pytest.raises(AuthenticationFailed):
        authenticated_agent(header.format(pk=agent.pk, secret=secret))


def test_a_deactivated_host_is_refused_and_a_paused_one_is_not(agent: Agent, secret: str) -> None:
    Agent.objects.update(standing="paused")
    assert authenticated_agent(f"Agent {agent.pk}:{secret}") == agent
    Agent.objects.update(standing="deactivated")
    with pytest.raises(AuthenticationFailed, match="deactivated"):
        authenticated_agent(f"Agent {agent.pk}:{secret}")


def test_parts_of_a_header(agent: Agent) -> None:
    assert credential("Enrolment  abc ", "enrolment") == "abc"
    assert identified(f"SubAgent {agent.pk}:a:b", "SubAgent") == (agent.pk, "a:b")
