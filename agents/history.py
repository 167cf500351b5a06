"""Write one row of a host's history. Does not decide anything."""

from typing import Any

from agents.models import Agent, AgentEvent
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.audit import history_fields


def record(
    agent: Agent, verb: str, *, actor: Actor, old: str = "", new: str = "", reason: str = "", **detail: Any
) -> None:
    AgentEvent.objects.create(agent=agent, **history_fields(actor, verb, old, new, reason, **detail))
