"""Watch over hosts: who is silent, and since when. Only says so; what that means for their work is tasks.recovery's.

online -> suspect after 6 s without a heartbeat (no new work) -> unreachable after 30 s (shown offline).
After a restart of
the server nobody is judged until the amnesty ends, and time in which the server itself stood still does not count.
"""

from dataclasses import dataclass, field

from django.db import transaction

from agents import liveness
from agents.history import record
from agents.messages import announce
from agents.models import Agent
from agents.states import Connectivity
from scheduler_site.shared.actors import SYSTEM


@dataclass
class Swept:
    """Hosts that changed in this sweep."""

    suspect: list[Agent] = field(default_factory=list)
    unreachable: list[Agent] = field(default_factory=list)


def after_restart() -> None:
    """At the start of a server: hosts that were online are suspect until heard,
    and nobody is unreachable for a minute."""
    liveness.grant_amnesty()
    Agent.objects.filter(connectivity=Connectivity.ONLINE).update(connectivity=Connectivity.SUSPECT)


def sweep() -> Swept:
    """One look at every host that is not known to be away already."""
    swept = Swept()
    for agent in Agent.objects.exclude(connectivity=Connectivity.UNREACHABLE):
        judged = judge(agent)
        if judged == agent.connectivity:
            continue
        if _change(agent, judged):
            (swept.suspect if judged == Connectivity.SUSPECT else swept.unreachable).append(agent)
    return swept


def judge(agent: Agent) -> str:
    """What the silence of a host makes of it. Never better than it was: only a heartbeat brings a host back."""
    silent = liveness.silent_seconds(agent.pk)
    if silent is None:
        return agent.connectivity if liveness.in_amnesty() else Connectivity.UNREACHABLE
    if silent >= liveness.UNREACHABLE_AFTER_SECONDS and not liveness.in_amnesty():
        return Connectivity.UNREACHABLE
    if silent >= liveness.SUSPECT_AFTER_SECONDS:
        return Connectivity.SUSPECT
    return agent.connectivity


@transaction.atomic
def _change(agent: Agent, judged: str) -> bool:
    """Compare and set: a heartbeat that came in between wins."""
    old = agent.connectivity
    if Agent.objects.filter(pk=agent.pk, connectivity=old).update(connectivity=judged) != 1:
        return False
    agent.connectivity = judged
    if judged == Connectivity.UNREACHABLE:
        record(agent, "unreachable", actor=SYSTEM, old=old, new=judged, reason="no heartbeat")
    announce(agent.pk, agent.status)
    return True
