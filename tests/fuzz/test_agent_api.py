"""The agents' API, fuzzed by a host, one of its sub agents, an enrolment token and nobody: never a fault, never an
answer that is not described, and never a change to what belongs to another host.
"""

from typing import Any

import pytest
from django.urls import get_resolver

from agents.credentials import hashed
from agents.enrolment import create_token
from tasks.agent_api import schema as agent_schema
from tasks.models import SubAgent
from tasks.tokens import sub_agent_token
from tests.factories import make_agent, make_output_log, make_sub_agent, make_task
from tests.fuzz.driver import Found, fuzz
from tests.scheduler_site.test_api_walk import routes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_connection")]


def test_the_schema_has_every_call() -> None:
    walked = {f"/{route}" for route, _ in routes(get_resolver().url_patterns) if route.startswith("agent/")}
    walked -= {"/agent/v1/^(?P<rest>[\\s\\S]+)$"}  # whatever else is asked
    described = {path.replace("{sub_agent_id}", "<uuid:sub_agent_id>") for path in agent_schema.schema()["paths"]}
    assert described == walked


def test_every_call_with_every_credential() -> None:
    host = make_agent("ours", gpus=1, secret_hash=hashed("secret"))
    ours = [
        make_sub_agent(make_task(), host, state=state, claim_nonce="n" * 32)
        for state in ("assigned", "starting", "running")
    ]
    other = make_sub_agent(make_task(), make_agent("theirs"), state="running")
    for sub_agent in (*ours, other):
        make_output_log(sub_agent)
    before = facts(other)
    _, enrolment = create_token("fuzz", uses=10**6)
    callers = [
        {},
        {"Authorization": f"Enrolment {enrolment}"},
        {"Authorization": f"Agent {host.pk}:secret"},
        {"Authorization": f"SubAgent {ours[2].pk}:{sub_agent_token(ours[2])}"},
    ]
    found = Found()
    known = {"sub_agent_id": [str(sub_agent.pk) for sub_agent in (*ours, other)]}
    fuzz(agent_schema.schema(), callers, known, found)
    assert not found.wrong, "\n\n".join(found.wrong)
    assert found.answered >= len(agent_schema.CALLS) * len(callers)
    assert facts(other) == before


def facts(sub_agent: SubAgent) -> dict[str, Any]:
    row: dict[str, Any] = SubAgent.objects.filter(pk=sub_agent.pk).values().get()
    return {**row, "logs": list(sub_agent.logs.values())}
