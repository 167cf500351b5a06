"""An operator says that a host is gone for good: what was live there is over now, without waiting for its deadline.

That word counts as proof that nothing runs there any more, so tasks with retries left are placed again. If the host
comes back all the same, its sub agents are told to stop.
"""

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from agents.history import record
from agents.models import Agent
from agents.states import Connectivity
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict
from tasks import lifecycle
from tasks.host_ends import giving_up
from tasks.models import SubAgent
from tasks.outcome import lost
from tasks.reporting import report_pace
from tasks.states import LIVE_STATES, EndReason, SubAgentState


def declare_gone(agent: Agent, *, actor: Actor, reason: str = "") -> Agent:
    """Only for a host that is offline, and of whose sub agents none is heard: Conflict otherwise."""
    agent.refresh_from_db()
    if agent.connectivity != Connectivity.UNREACHABLE:
        raise Conflict(f"{agent.name} is {agent.connectivity}; only a host that is offline can be called gone.")
    if heard := _still_heard(agent):
        raise Conflict(f"Only the main agent of {agent.name} is away: task {heard.task_id} runs there and reports.")
    record(agent, "gone", actor=actor, reason=reason)
    for sub_agent in _live_on(agent):
        _end(sub_agent, f"{actor.name} said that {agent.name} is gone for good.", actor)
    return agent


def _still_heard(agent: Agent) -> SubAgent | None:
    """A sub agent that reports by itself: its host is not gone, and another attempt beside it would run twice."""
    since = timezone.now() - timedelta(seconds=report_pace.silent_after_seconds())
    return _live_on(agent).filter(unreachable_since=None, last_heartbeat_time__gt=since).first()


def _live_on(agent: Agent) -> QuerySet[SubAgent]:
    return SubAgent.objects.filter(agent=agent, state__in=LIVE_STATES)


def _end(sub_agent: SubAgent, detail: str, actor: Actor) -> None:
    """Whatever was heard of it in between wins: it runs, and another attempt beside it would run twice."""
    if sub_agent.state != SubAgentState.ASSIGNED:
        giving_up.give_up(sub_agent, lost(EndReason.HOST_LOST, detail, is_proven=True), actor)
        return
    with giving_up.race_may_be_lost():
        lifecycle.give_back(sub_agent, SubAgentState.REVOKED, detail, actor=actor)
