"""Allocations that outlive their attempt, because something of it may be left on the host: what ends them.

They count as used until the host says that nothing is left, has been restarted, or an operator releases them. That they
are kept is decided with the end of the attempt (tasks.outcome).
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from agents import administration, inventory_requests
from agents.history import record as record_on_host
from agents.models import Agent, AgentEvent
from agents.states import Connectivity, Standing
from scheduler_site.shared.actors import SYSTEM, Actor
from scheduler_site.shared.errors import Conflict, DomainError
from tasks import allocations, messages
from tasks.history import record
from tasks.models import Allocation, SubAgent
from tasks.scheduling import changes
from tasks.states import Kept


def on(agent: Agent) -> QuerySet[Allocation]:
    """Those on this host, oldest first."""
    return Allocation.objects.filter(agent=agent, released_at__isnull=True).exclude(kept="").order_by("id")


def compare_with_inventory(agent: Agent, listed: set[UUID], *, is_complete: bool) -> None:
    """A session was opened: nothing outlives a restart of the host, and a complete inventory lists what is left."""
    if not on(agent).exists():
        return
    for allocation in on(agent).select_related("sub_agent__agent"):
        sub_agent = allocation.sub_agent
        if sub_agent is None:
            continue
        if is_of_older_boot(sub_agent, agent):
            confirm(sub_agent, f"{agent.name} was restarted")
        elif is_complete and sub_agent.pk not in listed:
            confirm(sub_agent, f"{agent.name} has nothing left of it")


def ask_who_came_back() -> None:
    """A step of the reaper's turn. A host may be heard again in the session that it had before: then nobody has
    compared what was kept meanwhile with what it has."""
    compared = AgentEvent.objects.filter(
        agent=OuterRef("agent"), verb="session_opened", at__gt=OuterRef("sub_agent__ended_at")
    )
    kept = Allocation.objects.filter(released_at=None, kept__in=(Kept.HOST_LOST, Kept.UNCONFIRMED)).order_by()
    there = list(kept.values_list("pk", flat=True))  # joined with hosts, SQLite would look at all of the history
    waiting = Allocation.objects.filter(pk__in=there, agent__connectivity=Connectivity.ONLINE)
    for agent_id in waiting.exclude(Exists(compared)).values_list("agent_id", flat=True).distinct():
        inventory_requests.ask(agent_id)


def is_of_older_boot(sub_agent: SubAgent, agent: Agent) -> bool:
    """Nothing of it can be running: the host has been restarted since it accepted this."""
    return bool(sub_agent.boot_id and agent.boot_id) and sub_agent.boot_id != agent.boot_id


def clear(agent: Agent, cleared: Iterable[tuple[UUID, int]]) -> None:
    """The host says that what had survived is gone now."""
    for sub_agent_id, fence in cleared:
        found = SubAgent.objects.filter(pk=sub_agent_id, fence=fence, agent=agent).select_related("agent").first()
        if found is not None:
            confirm(found, "its last processes have ended")


def confirm(sub_agent: SubAgent, why: str) -> bool:
    """Nothing of it is left, as its host says. Returns whether anything was kept."""
    return _release(sub_agent, Actor.agent(sub_agent.agent.name), why)


def release(agent: Agent, task_id: int, *, actor: Actor, reason: str = "") -> Agent:
    """An operator takes it upon himself that nothing is left of the task there; Conflict when nothing is kept."""
    found = [row.sub_agent for row in on(agent).filter(sub_agent__task_id=task_id).select_related("sub_agent__agent")]
    released = [_release(sub_agent, actor, reason) for sub_agent in found if sub_agent is not None]
    if not any(released):
        raise Conflict(f"Nothing of task {task_id} is kept on {agent.name}.")
    return agent


@transaction.atomic
def _release(sub_agent: SubAgent, actor: Actor, why: str) -> bool:
    held = (
        Allocation.objects.select_for_update(no_key=True)
        .filter(sub_agent=sub_agent, released_at__isnull=True)
        .exclude(kept="")
    )
    if held.first() is None:
        return False
    allocations.release(sub_agent)
    record(sub_agent.task_id, "allocation_released", actor=actor, reason=why, sub_agent=sub_agent)
    record_on_host(sub_agent.agent, "allocation_released", actor=actor, reason=why, task_id=sub_agent.task_id)
    messages.announce([sub_agent.task_id])
    changes.of_site()
    return True


def pause_host(sub_agent: SubAgent, pids: Iterable[int]) -> None:
    """A host with processes that cannot be killed is not well: no new work until an operator has looked."""
    named = ", ".join(str(pid) for pid in pids)
    reason = f"Processes of task {sub_agent.task_id} could not be ended" + (f": {named}." if named else ".")
    agent = Agent.objects.get(pk=sub_agent.agent_id)
    if agent.standing == Standing.ACTIVE:
        try:
            administration.pause(agent, actor=SYSTEM, reason=reason)
        except DomainError:  # an operator was faster
            return
