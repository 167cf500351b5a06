"""Verb claim: the host accepts its sub agent."""

from django.db import transaction

from agents.models import Agent
from agents.states import Standing
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Quarantined, SubAgentClosed
from tasks import gangs, sub_agent_lifecycle
from tasks.history import record
from tasks.lifecycle import rows
from tasks.models import SubAgent
from tasks.states import CLAIMED_STATES


@transaction.atomic
def claim(sub_agent: SubAgent, nonce: str, master_port: int | None = None) -> bool:
    """The host accepts. The same nonce again is the same claim (its reply was lost). False: other hosts of the gang
    have not accepted yet, so this one may not start it and asks again."""
    standing = _standing_of_host(sub_agent)
    task = rows.locked(sub_agent.task_id)
    sub_agent.refresh_from_db()
    if sub_agent.agent.quarantined_at is not None:  # a copy of the folder knows the nonce as well
        raise Quarantined(f"{sub_agent.agent.name} is in quarantine; an operator must end it.")
    if sub_agent.state in CLAIMED_STATES and sub_agent.claim_nonce == nonce:
        return True
    if task.is_final or not gangs.is_of_live_attempt(task, sub_agent):
        raise SubAgentClosed(f"{sub_agent} is {sub_agent.state}.", state=sub_agent.state)
    host = sub_agent.agent.name if gangs.is_gang(task) else task.agent_name
    has_accepted = sub_agent.claim_nonce == nonce
    if not has_accepted and standing != Standing.ACTIVE:
        raise SubAgentClosed(f"{host} gets no new work; an operator decided so.", state=sub_agent.state)
    if gangs.is_gang(task) and not gangs.accept(sub_agent, nonce, master_port):
        return False
    sub_agent_lifecycle.claim(sub_agent, nonce)
    record(task.pk, "claimed", actor=Actor.agent(host), sub_agent=sub_agent)
    return True


def _standing_of_host(sub_agent: SubAgent) -> str:
    """The host's row is locked, so that who pauses or deactivates it comes before this claim or after it; and before
    the task's row, as everybody does who locks both."""
    host = Agent.objects.select_for_update(no_key=True).filter(pk=sub_agent.agent_id)
    return host.values_list("standing", flat=True).get()
