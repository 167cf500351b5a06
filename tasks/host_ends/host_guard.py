"""Pauses a host on which attempts keep failing for the host's own fault, so that it does not eat the queue.

Counts rows, so a restart of the server forgets nothing; what was before an operator resumed the host does not count
again. Whether an attempt blames its host is written with its end: tasks.sub_agent_lifecycle.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from agents import administration
from agents.models import Agent, AgentEvent
from agents.states import Standing
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import DomainError
from tasks.models import SubAgent

SHOWN = 5


def look_after_commit(agent_id: UUID) -> None:
    """The end of an attempt is never undone for trouble with its host's row."""
    transaction.on_commit(lambda: look(agent_id), robust=True)


def look(agent_id: UUID) -> bool:
    """Whether the host was paused by this."""
    most = settings.HOST_FAULTS
    agent = Agent.objects.filter(pk=agent_id, standing=Standing.ACTIVE).first() if most else None
    if agent is None:
        return False
    faults = list(_faults(agent).select_related("task").order_by("-ended_at")[: max(most, SHOWN)])
    if not is_bad([fault.task_id for fault in faults], most):
        return False
    try:
        administration.pause(agent, actor=SYSTEM, reason=_sentence(faults))
    except DomainError:  # an operator was faster
        return False
    return True


def is_bad(task_ids: list[int], most: int) -> bool:
    """So many failures, and not all of one task: that would be the task's fault, and it is held for it."""
    return len(task_ids) >= most and len(set(task_ids)) >= min(most, 2)


def _faults(agent: Agent) -> QuerySet[SubAgent]:
    return SubAgent.objects.filter(agent=agent, blames_host=True, ended_at__gt=_since(agent))


def _since(agent: Agent) -> datetime:
    resumed = AgentEvent.objects.filter(agent=agent, verb__in=("resume", "reactivate")).order_by("-id").first()
    since = timezone.now() - timedelta(seconds=settings.HOST_FAULTS_SECONDS)
    return since if resumed is None else max(since, resumed.at)


def _sentence(faults: list[SubAgent]) -> str:
    tasks = ", ".join(f"#{number}" for number in list(dict.fromkeys(fault.task_id for fault in faults))[:SHOWN])
    latest = faults[0].end_detail or faults[0].end_reason or faults[0].state
    minutes = round(settings.HOST_FAULTS_SECONDS / 60)
    return (
        f"{len(faults)} attempts failed here for the host's fault within {minutes} min: {tasks}. The latest: {latest}"
    )
