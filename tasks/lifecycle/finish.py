"""Verb finish: a claimed attempt ended. What that means for the task: conclude.py."""

from django.db import transaction

from scheduler_site.shared.actors import Actor
from tasks import gangs, sub_agent_lifecycle
from tasks.lifecycle import out_of_memory, rows
from tasks.lifecycle.conclude import conclude
from tasks.lifecycle.members import finish_member
from tasks.models import SubAgent, Task
from tasks.outcome import Outcome
from tasks.output import logs


@transaction.atomic
def finish(sub_agent: SubAgent, outcome: Outcome, *, actor: Actor) -> None:
    """A claimed attempt ended: the task is final, or waits again when a retry is left.
    SubAgentClosed if it ended before."""
    finish_locked(rows.locked(sub_agent.task_id), sub_agent, outcome, actor=actor)


@transaction.atomic(savepoint=False)
def finish_locked(task: Task, sub_agent: SubAgent, outcome: Outcome, *, actor: Actor) -> None:
    """In a transaction that has the task's row, and goes back as a whole when this fails."""
    outcome = out_of_memory.labelled(sub_agent, outcome)
    if gangs.is_gang(task):
        outcome = gangs.explained(sub_agent, outcome)
    sub_agent_lifecycle.finish(sub_agent, outcome)
    logs.begin_draining(sub_agent, outcome.sizes)
    if gangs.is_gang(task):
        finish_member(task, sub_agent, outcome, actor)
    else:
        conclude(task, sub_agent, outcome, actor)
