"""An operator stops a host's main agent and says what becomes of its scripts: they run on, end first, or are killed."""

from typing import Literal

from agents import administration, endings
from agents.models import Agent
from scheduler_site.shared.actors import Actor
from tasks import lifecycle
from tasks.host_ends.giving_up import race_may_be_lost
from tasks.models import SubAgent
from tasks.states import LIVE_STATES

Scripts = Literal["leave", "drain", "kill"]
CHOICES: dict[Scripts, str] = {
    "leave": "leave scripts running; the next main agent takes them up",
    "drain": "no new work, and stop when the last script has ended",
    "kill": "cancel every task that runs there, and stop",
}


def stop(agent: Agent, *, actor: Actor, scripts: Scripts = "leave", reason: str = "") -> Agent:
    """With `drain` and `kill` the host is paused afterwards. Conflict when no main agent is heard."""
    agent.refresh_from_db()
    endings.require_heard(agent)
    if scripts == "leave":
        return endings.ask(agent, actor=actor, reason=reason)
    administration.drain(agent, actor=actor, reason=reason, ends=True)
    if scripts == "kill":
        _cancel_all(agent, actor, reason or f"The main agent of {agent.name} is being stopped.")
    return agent


def _cancel_all(agent: Agent, actor: Actor, reason: str) -> None:
    """A task that ends in between has ended by itself."""
    live = SubAgent.objects.filter(agent=agent, state__in=LIVE_STATES)
    for task_id in live.values_list("task_id", flat=True).distinct():
        with race_may_be_lost():
            lifecycle.cancel(task_id, actor=actor, reason=reason, kill_now=True)
