"""The end of one member of a gang, and of the last. Inside the transactions of give_back and finish."""

from scheduler_site.shared.actors import Actor
from tasks import gangs, messages
from tasks.history import record
from tasks.lifecycle.conclude import conclude, void
from tasks.models import SubAgent, Task
from tasks.outcome import Outcome
from tasks.states import SubAgentState


def finish_member(task: Task, sub_agent: SubAgent, outcome: Outcome, actor: Actor) -> None:
    """One member of a gang ended: the others go on only if it succeeded. The task's result is the leader's."""
    if sub_agent.rank == 0:
        task.result = outcome.result
        task.save(update_fields=["result"])
    if outcome.state != SubAgentState.SUCCEEDED:
        gangs.break_up(sub_agent)
    reason = f"rank {sub_agent.rank}: {sub_agent.state}"
    record(task.pk, "member_ended", actor=actor, reason=reason, sub_agent=sub_agent)
    settle_gang(task, sub_agent, actor)


def settle_gang(task: Task, sub_agent: SubAgent, actor: Actor) -> None:
    """Nothing while a member lives; after the last, what they are together."""
    members = gangs.members_of(sub_agent)
    if any(member.is_live for member in members):
        messages.announce([task.pk])
    elif gangs.are_void(members):
        culprit = gangs.culprit_of(members) or sub_agent
        void(task, culprit, gangs.sentence(culprit), actor)
    else:
        decisive, outcome = gangs.outcome_of(members, task)
        conclude(task, decisive, outcome, actor)
