"""How a main agent is asked to end, and what is noted when it has. Says nothing of its scripts, which run on.

The only writer of Agent.wish besides agents.administration. The wish is told with every heartbeat, so that a lost reply
costs one interval; it is done when the main agent says that it ends, is started anew, or is not heard any more.
"""

from django.db import transaction

from agents import doorbell
from agents.history import record
from agents.models import Agent
from agents.states import RETIRED, Connectivity, Wish
from scheduler_site.shared.actors import SYSTEM, Actor
from scheduler_site.shared.errors import Conflict


@transaction.atomic
def ask(agent: Agent, *, actor: Actor, reason: str = "") -> Agent:
    """Leave everything and end. Conflict when no main agent is heard."""
    require_heard(agent)
    Agent.objects.filter(pk=agent.pk).update(wish=Wish.END)
    agent.wish = Wish.END
    record(agent, "stop_asked", actor=actor, reason=reason, scripts="leave")
    doorbell.ring(agent.pk)
    return agent


def require_heard(agent: Agent) -> None:
    if agent.standing in RETIRED:
        raise Conflict(f"{agent.name} is {agent.standing}; it has no main agent here.")
    if agent.connectivity == Connectivity.UNREACHABLE:
        raise Conflict(f"{agent.name} is not heard, so there is no main agent to stop.")


def ended(agent: Agent, *, why: str) -> None:
    """The main agent said that it ends, or a new one took its place."""
    if Agent.objects.filter(pk=agent.pk, wish=Wish.END).update(wish=Wish.NONE):
        agent.wish = Wish.NONE
    record(agent, "main_agent_ended", actor=Actor.agent(agent.name), reason=why)


@transaction.atomic
def forget_unheard() -> None:
    """Whom nobody hears has ended, or will be asked again by a person when it is back."""
    for agent in Agent.objects.filter(wish=Wish.END, connectivity=Connectivity.UNREACHABLE):
        if Agent.objects.filter(pk=agent.pk, wish=Wish.END).update(wish=Wish.NONE):
            record(agent, "main_agent_ended", actor=SYSTEM, reason="no heartbeat any more")
