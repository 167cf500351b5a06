"""An operator removes a host: its credential is refused for ever and it is shown nowhere but in its history.

Only when nothing is live or held there: who wants it gone at once stops its scripts, or says that it is gone, first.
"""

from django.db import transaction

from agents import administration
from agents.models import Agent
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict
from tasks.models import Allocation, SubAgent
from tasks.states import LIVE_STATES


@transaction.atomic
def remove(agent: Agent, *, actor: Actor, reason: str = "") -> Agent:
    """Under the lock that placement takes too, so that nothing is put there meanwhile."""
    Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)
    if obstacles := _obstacles(agent):
        raise Conflict(f"{agent.name} cannot be removed: {'; '.join(obstacles)}.")
    return administration.remove(agent, actor=actor, reason=reason)


def _obstacles(agent: Agent) -> list[str]:
    live = SubAgent.objects.filter(agent=agent, state__in=LIVE_STATES)
    held = Allocation.objects.filter(agent=agent, released_at=None).exclude(sub_agent__in=live)
    tasks = [str(task_id) for task_id in live.order_by("task_id").values_list("task_id", flat=True)]
    reservations = [str(pk) for pk in held.exclude(reservation=None).values_list("reservation_id", flat=True)]
    kept = [str(task_id) for task_id in held.exclude(sub_agent=None).values_list("sub_agent__task_id", flat=True)]
    sentences = (
        (tasks, "task", "runs there", "run there"),
        (reservations, "reservation", "is held there", "are held there"),
        (kept, "what task", "had is still held there", "had is still held there"),
    )
    return [_sentence(*words) for words in sentences if words[0]]


def _sentence(ids: list[str], noun: str, one: str, several: str) -> str:
    if len(ids) == 1:
        return f"{noun} {ids[0]} {one}"
    return f"{noun}s {', '.join(ids[:10])}{' and others' if len(ids) > 10 else ''} {several}"
