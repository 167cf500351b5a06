"""Write one row of a host's history, and the same as a line of the server's log. Does not decide anything."""

import logging
from typing import Any

from django.db import transaction

from agents.models import Agent, AgentEvent
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.audit import history_fields

log = logging.getLogger(__name__)


def record(
    agent: Agent, verb: str, *, actor: Actor, old: str = "", new: str = "", reason: str = "", **detail: Any
) -> None:
    AgentEvent.objects.create(agent=agent, **history_fields(actor, verb, old, new, reason, **detail))
    line = "agent_%s agent_id=%s host=%s to=%s actor=%r reason=%r"
    values = (verb, agent.pk, agent.name, new, actor.name, reason)
    transaction.on_commit(lambda: log.info(line, *values))
