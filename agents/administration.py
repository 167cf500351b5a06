"""What operators decide about a host: pause, resume, drain, deactivate, reactivate, remove, weigh. The only writer of
Agent.standing and Agent.weight.
"""

from decimal import Decimal

from django.db import transaction

from agents import doorbell
from agents.history import record
from agents.messages import announce
from agents.models import Agent
from agents.signals import placement_changed
from agents.states import Standing, Wish
from scheduler_site.shared.actors import SYSTEM, Actor
from scheduler_site.shared.errors import Conflict, Invalid

SMALLEST_WEIGHT, LARGEST_WEIGHT = Decimal("0.01"), Decimal("9999.99")
_ALLOWED_FROM = {
    "pause": (Standing.ACTIVE, Standing.DRAINING),
    "resume": (Standing.PAUSED, Standing.DRAINING),
    "drain": (Standing.ACTIVE, Standing.PAUSED, Standing.DRAINING),
    "drained": (Standing.DRAINING,),
    "deactivate": (Standing.ACTIVE, Standing.DRAINING, Standing.PAUSED),
    "reactivate": (Standing.DEACTIVATED,),
    "remove": (Standing.ACTIVE, Standing.DRAINING, Standing.PAUSED, Standing.DEACTIVATED),
}


def pause(agent: Agent, *, actor: Actor, reason: str = "") -> Agent:
    """No new work; what runs goes on. The system's own pauses take back nothing that an operator asked."""
    return _decide(agent, "pause", Standing.PAUSED, actor, reason, agent.wish if actor == SYSTEM else Wish.NONE)


def resume(agent: Agent, *, actor: Actor, reason: str = "") -> Agent:
    return _decide(agent, "resume", Standing.ACTIVE, actor, reason)


def drain(agent: Agent, *, actor: Actor, reason: str = "", ends: bool = False) -> Agent:
    """No new work; paused once what runs has ended. `ends`: then its main agent is asked to end as well."""
    return _decide(agent, "drain", Standing.DRAINING, actor, reason, Wish.END_WHEN_EMPTY if ends else Wish.NONE)


def drained(agent: Agent) -> Agent:
    """Nothing runs there any more. Conflict if an operator decided otherwise meanwhile."""
    wish = Wish.END if agent.wish == Wish.END_WHEN_EMPTY else Wish.NONE
    return _decide(agent, "drained", Standing.PAUSED, SYSTEM, agent.standing_reason, wish)


def deactivate(agent: Agent, *, actor: Actor, reason: str = "") -> Agent:
    """Refuse the host's credential. Its running sub agents still report under their own tokens."""
    return _decide(agent, "deactivate", Standing.DEACTIVATED, actor, reason)


def reactivate(agent: Agent, *, actor: Actor, reason: str = "") -> Agent:
    return _decide(agent, "reactivate", Standing.ACTIVE, actor, reason)


@transaction.atomic
def remove(agent: Agent, *, actor: Actor, reason: str = "") -> Agent:
    """Refuse its credential for ever and free its name. The caller has ruled out that anything is live there."""
    name = agent.name
    _decide(agent, "remove", Standing.REMOVED, actor, reason)
    agent.name = f"{name[:90]} (removed {str(agent.pk)[:8]})"
    agent.pools.clear()
    Agent.objects.filter(pk=agent.pk).update(name=agent.name)
    return agent


@transaction.atomic
def weigh(agent: Agent, weight: Decimal, *, actor: Actor) -> Agent:
    """Its share of the work under the weighted policy, beside that of others with as many cores."""
    if not (weight.is_finite() and SMALLEST_WEIGHT <= weight <= LARGEST_WEIGHT):
        raise Invalid("weight", f"must be between {SMALLEST_WEIGHT} and {LARGEST_WEIGHT}")
    old = Agent.objects.select_for_update(no_key=True).values_list("weight", flat=True).get(pk=agent.pk)
    if old != weight:
        Agent.objects.filter(pk=agent.pk).update(weight=weight)
        agent.weight = weight
        record(agent, "weighed", actor=actor, old=str(old), new=str(weight))
        placement_changed.send(sender=None)
    return agent


@transaction.atomic
def _decide(agent: Agent, verb: str, new: Standing, actor: Actor, reason: str, wish: str = Wish.NONE) -> Agent:
    """A new decision takes back what was asked of the main agent before."""
    old = Agent.objects.select_for_update(no_key=True).values_list("standing", flat=True).get(pk=agent.pk)
    if old not in _ALLOWED_FROM[verb]:
        raise Conflict(f"{agent.name} is {old}; it cannot be changed by “{verb}”.")
    why = reason[:300] if new != Standing.ACTIVE else ""
    Agent.objects.filter(pk=agent.pk).update(standing=new, standing_reason=why, wish=wish)
    agent.standing, agent.standing_reason, agent.wish = new, why, wish
    doorbell.ring(agent.pk)
    record(agent, verb, actor=actor, old=old, new=new, reason=reason)
    announce(agent.pk, agent.status)
    placement_changed.send(sender=None)
    return agent
