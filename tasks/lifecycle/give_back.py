"""Verb give_back: an attempt that never executed is void."""

from django.db import transaction

from scheduler_site.shared.actors import Actor
from tasks import gangs, sub_agent_lifecycle
from tasks.lifecycle import rows
from tasks.lifecycle.conclude import void
from tasks.lifecycle.members import settle_gang
from tasks.models import SubAgent
from tasks.states import SubAgentState


@transaction.atomic
def give_back(
    sub_agent: SubAgent, state: SubAgentState, detail: str, *, actor: Actor, blames_host: bool = False
) -> None:
    """The attempt is void, it never executed: the task waits again, or is canceled if that was asked meanwhile.
    `blames_host`: for something that the host did or failed to do."""
    task = rows.locked(sub_agent.task_id)
    sub_agent_lifecycle.void(sub_agent, state, detail, blames_host=blames_host)
    if gangs.is_gang(task):
        gangs.break_up(sub_agent)
        settle_gang(task, sub_agent, actor)
    else:
        void(task, sub_agent, detail, actor)
