"""What operators decide about a host: pause, resume, deactivate, reactivate. The only writer of Agent.standing."""

from django.db import transaction

from agents.history import record
from agents.messages import announce
from agents.models import Agent
from agents.states import Standing
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict

_ALLOWED_FROM = {
    "pause": (Standing.ACTIVE,),
    "resume": (Standing.PAUSED,),
    "deactivate": (Standing.ACTIVE, Standing.PAUSED),
    "reactivate": (Standing.DEACTIVATED,),
}


def pause(agent: Agent, *, actor: Actor, reason: str = "") -> Agent:
    """No new work; what runs goes on."""
    return _decide(agent, "pause", Standing.PAUSED, actor, reason)


def resume(agent: Agent, *, actor: Actor, reason: str = "") -> Agent:
    return _decide(agent, "resume", Standing.ACTIVE, actor, reason)


def deactivate(agent: Agent, *, actor: Actor, reason: str = "") -> Agent:
    """Refuse the host's credential. Its running sub agents still report under their own tokens."""
    return _decide(agent, "deactivate", Standing.DEACTIVATED, actor, reason)


def reactivate(agent: Agent, *, actor: Actor, reason: str = "") -> Agent:
    return _decide(agent, "reactivate", Standing.ACTIVE, actor, reason)


@transaction.atomic
def _decide(agent: Agent, verb: str, new: Standing, actor: Actor, reason: str) -> Agent:
    old = Agent.objects.select_for_update().values_list("standing", flat=True).get(pk=agent.pk)
    if old not in _ALLOWED_FROM[verb]:
        raise Conflict(f"{agent.name} is {old}; it cannot be changed by “{verb}”.")
    Agent.objects.filter(pk=agent.pk).update(standing=new)
    agent.standing = new
    record(agent, verb, actor=actor, old=old, new=new, reason=reason)
    announce(agent.pk, agent.status)
    return agent
