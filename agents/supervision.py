"""Watch over hosts: who is silent, and since when. Only says so; what that means for their work is tasks.recovery's.

online -> suspect after 6 s without a heartbeat (no new work) -> unreachable after 30 s (shown offline). After a restart
of the server nobody is judged until the amnesty ends, and time in which the server itself stood still does not count.
"""

from django.conf import settings
from django.db import transaction

from agents import breaker, liveness, pace, readings
from agents.history import record
from agents.messages import announce
from agents.models import Agent
from agents.states import Connectivity
from scheduler_site.shared.actors import SYSTEM


def after_restart(*, others_serve: bool = False) -> None:
    """At the start of a server: hosts that were online are suspect until heard, unless other processes have served
    them meanwhile, and nobody is unreachable for a minute."""
    liveness.grant_amnesty()
    if not others_serve:
        Agent.objects.filter(connectivity=Connectivity.ONLINE).update(connectivity=Connectivity.SUSPECT)
    pace.beats.expect(Agent.objects.exclude(connectivity=Connectivity.UNREACHABLE).count())


_LOOKED_AT = ("id", "name", "connectivity", "standing", "last_heartbeat_time")


def sweep() -> list[Agent]:
    """One look at every host that is not known to be away already; returns those that changed. Reads little of each:
    this is done every second."""
    watched = list(Agent.objects.exclude(connectivity=Connectivity.UNREACHABLE).only(*_LOOKED_AT).order_by())
    for agent in watched:
        liveness.heed(agent.pk, agent.last_heartbeat_time, is_own=readings.is_from_here(agent))
    return [agent for agent in watched if _change(agent, judge(agent))]


def judge(agent: Agent) -> str:
    """What the silence of a host makes of it. Never better than it was: only a heartbeat brings a host back. Where
    many hosts are asked to beat more rarely, each may be silent for longer."""
    silent = liveness.silent_seconds(agent.pk)
    if silent is None:
        return agent.connectivity if liveness.in_amnesty() else Connectivity.UNREACHABLE
    if silent >= pace.beats.stretched(settings.UNREACHABLE_SECONDS) and not liveness.in_amnesty():
        return Connectivity.UNREACHABLE
    if silent >= pace.beats.stretched(settings.SUSPECT_SECONDS):
        return Connectivity.SUSPECT
    return agent.connectivity


def _change(agent: Agent, judged: str) -> bool:
    is_changed = judged != agent.connectivity and _set(agent, judged)
    if is_changed and judged == Connectivity.UNREACHABLE:
        breaker.count(agent)
    return is_changed


@transaction.atomic
def _set(agent: Agent, judged: str) -> bool:
    """Compare and set: a heartbeat that came in between wins."""
    old = agent.connectivity
    if Agent.objects.filter(pk=agent.pk, connectivity=old).update(connectivity=judged) != 1:
        return False
    agent.connectivity = judged
    if judged == Connectivity.UNREACHABLE:
        record(agent, "unreachable", actor=SYSTEM, old=old, new=judged, reason="no heartbeat")
    announce(agent.pk, agent.status)
    return True
