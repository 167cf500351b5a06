"""Verb place: a waiting task gets its sub agents. Where is the scheduler's choice."""

from collections.abc import Sequence

from django.db import transaction

from agents import doorbell
from agents.models import Agent
from scheduler_site.shared import statements
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import Conflict
from scheduler_site.shared.statements import Plus
from tasks import just_placed, sub_agent_lifecycle
from tasks.lifecycle import rows
from tasks.models import SubAgent, Task
from tasks.states import TaskStatus


@transaction.atomic(savepoint=False)  # the allocations are stored with it, or neither
def place(task_id: int, agents: Sequence[Agent]) -> list[SubAgent]:
    """waiting -> waiting with a fence: a sub agent is assigned on each of `agents`, in the order of their ranks; the
    fence is the leader's. The caller adds the allocations."""
    leader = agents[0]
    fences = [sub_agent_lifecycle.next_fence() for _ in agents]
    placed = statements.updated(
        Task,
        ["attempt_no"],
        {"pk": task_id, "status": TaskStatus.WAITING, "current_fence": None, "held_at": None},
        current_fence=fences[0],
        attempt_no=Plus(1),
        agent_id=str(leader.pk),
        agent_name=leader.name,
    )
    if placed is None:
        raise Conflict(f"Cannot place task {task_id}: it does not wait any more.")
    (attempt_no,) = placed
    members = [
        sub_agent_lifecycle.assign(task_id, agent.pk, attempt_no, fence, rank)
        for rank, (agent, fence) in enumerate(zip(agents, fences, strict=True))
    ]
    where = ", ".join(agent.name for agent in agents)
    rows.note(task_id, "placed", SYSTEM, "waiting", "waiting", f"on {where}", members[0])
    if len(members) == 1:  # a gang starts when all its hosts have accepted
        just_placed.note(leader.pk, members[0].pk)
    for member in members:
        doorbell.ring(member.agent_id, about=member.pk)
    return members
