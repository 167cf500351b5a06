"""Rows of ended tasks and of hosts, made past the verbs: as many as years would make."""

import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from agents.models import Agent
from scheduler_site.access.owner import owner
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.audit import history_fields
from tasks.models import Allocation, FenceCounter, OutputLog, SubAgent, Task, TaskEvent
from tasks.states import LogState

BATCH = 2000
TASK_SECONDS = 30
SCRIPT = "#!/bin/bash\nset -e\nmodule load cuda\npython train.py --epochs 10 --rate 0.001 --folder /data/runs/1\n"
STATUSES = (["completed"] * 45 + ["failed"] * 4 + ["canceled"]) * 2
TEMPLATE_TYPES = ("", "", "train", "prepare", "evaluate")
CHANGES = (
    ("submitted", "", "waiting"),
    ("placed", "waiting", "waiting"),
    ("claimed", "", ""),
    ("started", "waiting", "running"),
)
_STATE = {"completed": "succeeded", "failed": "failed", "canceled": "canceled"}


def history_up_to(count: int, oldest: int) -> None:
    """So many ended tasks in all; the first of `oldest` ended that many times 30 s ago."""
    began = timezone.now() - timedelta(seconds=TASK_SECONDS * oldest)
    agent = Agent.objects.order_by("created_time").get(name="bench")
    there = Task.objects.count()
    while there < count:
        size = min(BATCH, count - there)
        _make(there, size, began, agent)
        there += size


@transaction.atomic
def _make(first: int, size: int, began: datetime, agent: Agent) -> None:
    user = owner()
    fence = FenceCounter.objects.get_or_create(pk=1)[0]
    ends = [began + timedelta(seconds=TASK_SECONDS * number) for number in range(first, first + size)]
    tasks = Task.objects.bulk_create(_task(first + i, end, agent, user) for i, end in enumerate(ends))
    sub_agents = SubAgent.objects.bulk_create(
        _sub_agent(task, agent, fence.value + i + 1) for i, task in enumerate(tasks)
    )
    FenceCounter.objects.filter(pk=fence.pk).update(value=fence.value + size)
    Allocation.objects.bulk_create(
        Allocation(sub_agent=row, agent=agent, cpu_cores=Decimal(1), memory_mib=1024, released_at=row.ended_at)
        for row in sub_agents
    )
    OutputLog.objects.bulk_create(
        OutputLog(sub_agent=row, stream="out", stored_bytes=2000, final_bytes=2000, state=LogState.COMPLETE)
        for row in sub_agents
    )
    TaskEvent.objects.bulk_create(event for row in sub_agents for event in _events(row))


def _task(number: int, end: datetime, agent: Agent, user: Any) -> Task:
    status = STATUSES[number % len(STATUSES)]
    return Task(
        name=f"run {number} of a series",
        script_content=SCRIPT,
        submitted_by=user,
        template_type=TEMPLATE_TYPES[number % len(TEMPLATE_TYPES)],
        status=status,
        attempt_no=1,
        agent_id=str(agent.pk),
        agent_name=agent.name,
        created_time=end - timedelta(seconds=90),
        waiting_since=end - timedelta(seconds=90),
        start_time=end - timedelta(seconds=60),
        end_time=end,
        execution_time=60.0,
        end_reason={"canceled": "cancel"}.get(status, "exit"),
        exit_code=0 if status == "completed" else 1,
    )


def _sub_agent(task: Task, agent: Agent, fence: int) -> SubAgent:
    began = task.start_time or task.created_time
    return SubAgent(
        task=task,
        agent=agent,
        attempt_no=1,
        fence=fence,
        state=_STATE[task.status],
        claim_nonce=uuid.uuid4().hex,
        created_time=began,
        claimed_at=began,
        started_at=began,
        ended_at=task.end_time,
        end_reason=task.end_reason,
        exit_code=task.exit_code,
        digest=uuid.uuid4().hex * 2,
        duration_seconds=60.0,
    )


def _events(row: SubAgent) -> list[TaskEvent]:
    changes = [*CHANGES, ("finished", "running", row.task.status)]
    return [
        TaskEvent(
            task=row.task, sub_agent=row, at=row.ended_at or row.created_time, **history_fields(SYSTEM, verb, old, new)
        )
        for verb, old, new in changes
    ]


def hosts_up_to(count: int) -> None:
    """So many in all, all of them in use: like the one that is there, under other names."""
    model = Agent.objects.get(name="bench")
    columns = {field.attname: getattr(model, field.attname) for field in Agent._meta.concrete_fields}
    own = ("id", "name", "secret_hash", "machine_id")
    shared = {name: value for name, value in columns.items() if name not in own}
    Agent.objects.bulk_create(
        (
            Agent(**shared, name=f"host-{number:05}", secret_hash=uuid.uuid4().hex * 2)
            for number in range(Agent.objects.count(), count)
        ),
        batch_size=BATCH,
    )
