"""Tasks that ended so long ago, each with attempts, an allocation, a history and three bytes of output."""

import zlib
from datetime import timedelta
from typing import Any

from django.utils import timezone

from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.audit import history_fields
from tasks.models import Allocation, OutputLog, SubAgent, Task, TaskEvent
from tasks.output import logs
from tasks.states import LogState
from tests.factories import make_task


def ended(days_ago: float, state: str = LogState.COMPLETE, **fields: Any) -> SubAgent:
    """The attempt."""
    end = timezone.now() - timedelta(days=days_ago)
    task = make_task(status="completed", end_time=end, **fields)
    SubAgent.objects.filter(task=task).update(created_time=end - timedelta(hours=1), ended_at=end)
    Allocation.objects.filter(sub_agent__task=task).update(released_at=end)
    sub_agent = task.sub_agents.get()
    TaskEvent.objects.create(task=task, sub_agent=sub_agent, **history_fields(SYSTEM, "finished"))
    logs.append(sub_agent, "out", 0, b"abc", zlib.crc32(b"abc"))
    OutputLog.objects.filter(sub_agent=sub_agent).update(state=state)
    return sub_agent


def state_of(sub_agent: SubAgent) -> str:
    return str(OutputLog.objects.get(sub_agent=sub_agent).state)


def is_there(sub_agent: SubAgent) -> bool:
    return Task.objects.filter(pk=sub_agent.task_id).exists()
