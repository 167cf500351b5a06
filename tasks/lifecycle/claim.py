"""Verb claim: the host accepts its sub agent."""

from django.db import transaction

from agents.models import Agent
from agents.sessions import require_epoch
from agents.states import Standing
from scheduler_site.shared import statements
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Quarantined, SubAgentClosed
from tasks import gangs, sub_agent_lifecycle
from tasks.history import record
from tasks.lifecycle import rows
from tasks.models import SubAgent
from tasks.states import CLAIMED_STATES


@transaction.atomic
def claim(sub_agent: SubAgent, nonce: str, master_port: int | None = None, epoch: int | None = None) -> bool:
    """The host accepts. The same nonce again is the same claim (its reply was lost). False: other hosts of the gang
    have not accepted yet, so this one may not start it and asks again.

    `epoch`: not after a later session was opened, which has been told what the host has.
    """
    host = _host_of(sub_agent)
    if epoch is not None:
        require_epoch(host, epoch)
    task = rows.locked(sub_agent.task_id)
    _read_again(sub_agent)
    sub_agent.task = task
    if host.quarantined_at is not None:  # a copy of the folder knows the nonce as well
        raise Quarantined(f"{host.name} is in quarantine; an operator must end it.")
    if sub_agent.state in CLAIMED_STATES and sub_agent.claim_nonce == nonce:
        return True
    if task.is_final or not gangs.is_of_live_attempt(task, sub_agent):
        raise SubAgentClosed(f"{sub_agent} is {sub_agent.state}.", state=sub_agent.state)
    has_accepted = sub_agent.claim_nonce == nonce
    if not has_accepted and host.standing != Standing.ACTIVE:
        raise SubAgentClosed(f"{host.name} gets no new work; an operator decided so.", state=sub_agent.state)
    if gangs.is_gang(task) and not gangs.accept(sub_agent, nonce, master_port):
        return False
    sub_agent_lifecycle.claim(sub_agent, nonce, host.boot_id)
    record(task.pk, "claimed", actor=Actor.agent(host.name), sub_agent=sub_agent)
    return True


def claim_placed(sub_agent: SubAgent, host: Agent, nonce: str) -> None:
    """In the transaction that places it: the host, whose row is locked and which may get work, has accepted ahead."""
    sub_agent_lifecycle.claim(sub_agent, nonce, host.boot_id)
    record(sub_agent.task_id, "claimed", actor=Actor.agent(host.name), sub_agent=sub_agent)


def _host_of(sub_agent: SubAgent) -> Agent:
    """The host's row is locked, so that who pauses or deactivates it comes before this claim or after it; and before
    the task's row, as everybody does who locks both."""
    columns = ("name", "standing", "quarantined_at", "boot_id", "epoch")
    host = statements.instance(Agent, {"pk": sub_agent.agent_id}, columns, locked=True)
    if host is None:
        raise Agent.DoesNotExist(f"There is no host {sub_agent.agent_id}.")
    return host


def _read_again(sub_agent: SubAgent) -> None:
    """What may have changed since it was read without a lock."""
    names = ("state", "claim_nonce", "master_port", "fence", "attempt_no")
    found = statements.row(SubAgent, names, {"pk": sub_agent.pk})
    for name, value in zip(names, found or (), strict=bool(found)):
        setattr(sub_agent, name, value)
