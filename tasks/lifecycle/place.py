"""Verb place: a waiting task gets its sub agents. Where is the scheduler's choice."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import F

from agents import doorbell
from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from tasks import sub_agent_lifecycle
from tasks.lifecycle import rows
from tasks.models import SubAgent, Task
from tasks.states import TaskStatus


@transaction.atomic
def place(task_id: int, agents: Sequence[Agent]) -> list[SubAgent]:
    """waiting -> waiting with a fence: a sub agent is assigned on each of `agents`, in the order of their ranks; the
    fence is the leader's. The caller adds the allocations."""
    leader = agents[0]
    fences = [sub_agent_lifecycle.next_fence() for _ in agents]
    rows.update(
        Task.objects.filter(pk=task_id, status=TaskStatus.WAITING, current_fence=None, held_at=None),
        task_id,
        "place",
        current_fence=fences[0],
        attempt_no=F("attempt_no") + 1,
        agent_id=str(leader.pk),
        agent_name=leader.name,
    )
    attempt_no = Task.objects.values_list("attempt_no", flat=True).get(pk=task_id)
    members = [
        sub_agent_lifecycle.assign(task_id, agent.pk, attempt_no, fence, rank)
        for rank, (agent, fence) in enumerate(zip(agents, fences, strict=True))
    ]
    where = ", ".join(agent.name for agent in agents)
    rows.note(task_id, "placed", SYSTEM, "waiting", "waiting", f"on {where}", members[0])
    for agent in agents:
        doorbell.ring(agent.pk)
    return members
