"""Rows for tests, in states that the rules allow. Do not go through the verbs: tests of verbs start from here.

Every function takes the model's own field names as keywords. Needs a database.
"""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import F
from django.utils import timezone

from agents.models import Agent, Gpu
from agents.states import Connectivity, GpuState, Standing
from scheduler_site.shared.roles import SUBMITTERS, Role
from tasks.models import AllocatedGpu, Allocation, Dependency, FenceCounter, OutputLog, SubAgent, Task
from tasks.scheduling.rows import lanes
from tasks.states import (
    LIVE_STATES,
    VOID_STATES,
    DependencyKind,
    EndReason,
    LogState,
    SubAgentState,
    TaskStatus,
    dependency_verdict,
)
from templates_app import editing
from templates_app.models import ScriptTemplate

_STATE_OF_STATUS = {
    TaskStatus.RUNNING: SubAgentState.RUNNING,
    TaskStatus.COMPLETED: SubAgentState.SUCCEEDED,
    TaskStatus.FAILED: SubAgentState.FAILED,
}


def make_user(username: str = "ada", *, is_staff: bool = False, is_viewer: bool = False, **fields: Any) -> Any:
    """The user of this name: a submitter unless told otherwise; made without a password when there is none yet."""
    user, is_new = get_user_model().objects.get_or_create(username=username, defaults={"is_staff": is_staff, **fields})
    if is_new and not (is_staff or is_viewer):
        user.groups.add(Group.objects.get_or_create(name=SUBMITTERS)[0])
    return user


def make_user_of(role: Role) -> Any:
    """A user whose name is his role."""
    flags = {"is_staff": role in (Role.OPERATOR, Role.ADMIN), "is_superuser": role == Role.ADMIN}
    return make_user(role.value, is_viewer=role == Role.VIEWER, **flags)


def make_agent(name: str = "", *, gpus: int = 0, gpu_memory_mib: int = 24576, **fields: Any) -> Agent:
    """A host that is online with 16 cores and 64 GiB, and `gpus` cards of `gpu_memory_mib` each."""
    now = timezone.now()
    defaults: dict[str, Any] = {
        "connectivity": Connectivity.ONLINE,
        "standing": Standing.ACTIVE,
        "hostname": name or "host",
        "agent_version": "0.1.0",
        "epoch": 1,
        "boot_id": "boot-1",
        "started_at": now - timedelta(hours=1),
        "last_heartbeat_time": now,
        "cpu_cores": Decimal(16),
        "memory_mib": 65536,
        "gpu_state": GpuState.READY if gpus else GpuState.ABSENT,
        "secret_hash": uuid.uuid4().hex,
    }
    agent = Agent.objects.create(name=name or f"host-{uuid.uuid4().hex[:8]}", **{**defaults, **fields})
    for index in range(gpus):
        make_gpu(agent, index=index, memory_mib=gpu_memory_mib)
    return agent


def make_gpu(agent: Agent, *, index: int = 0, **fields: Any) -> Gpu:
    defaults = {"uuid": f"GPU-{uuid.uuid4()}", "name": "Test GPU", "memory_mib": 24576}
    return Gpu.objects.create(agent=agent, index=index, **{**defaults, **fields})


def make_template(
    name: str = "", *, description: str = "", user: Any = None, is_archived: bool = False, **version: Any
) -> ScriptTemplate:
    """A template with one version; `version` are the fields of that version."""
    text = {"script_content": "echo from a template\n", **version}
    template = editing.create(name or f"template-{uuid.uuid4().hex[:8]}", description, text, user)
    if is_archived:
        template = editing.edit(template, facts={"is_archived": True}, version={}, user=user)
    return template


def make_task(
    status: str = TaskStatus.WAITING,
    *,
    depends_on: Sequence[Task | tuple[Task, str]] = (),
    agent: Agent | None = None,
    **fields: Any,
) -> Task:
    """A task in `status` with what belongs to it.

    Running, completed and failed ones get a sub agent on `agent` (default: the first host there is, made when there is
    none); a canceled one only when `agent` is given. A blocked one without `depends_on` waits for a task made for it.
    """
    if status == TaskStatus.BLOCKED and not depends_on:
        depends_on = [make_task(name="comes first")]
    wanted = {**_defaults(status), **fields}
    if status == TaskStatus.RUNNING:  # the row may only be running once it has a fence: see make_sub_agent
        wanted["status"] = TaskStatus.WAITING
    if status == TaskStatus.BLOCKED:
        wanted["unmet"] = sum(not _satisfied(dependency) for dependency in depends_on)
    task = Task(**wanted)
    for name, value in lanes.columns_of(task).items():
        setattr(task, name, value)
    task.save(force_insert=True)
    for dependency in depends_on:
        _depend(task, dependency)
    if status in _STATE_OF_STATUS or (status == TaskStatus.CANCELED and agent is not None):
        make_sub_agent(task, agent, state=_STATE_OF_STATUS.get(TaskStatus(status), SubAgentState.CANCELED))
    return task


def make_sub_agent(
    task: Task | None = None,
    agent: Agent | None = None,
    *,
    state: str = SubAgentState.RUNNING,
    gpus: Sequence[Gpu] = (),
    **fields: Any,
) -> SubAgent:
    """The next attempt at `task` (default: a new waiting one) on `agent`, with its allocation.

    A live one sets the task's fence, and its status to running when `state` is running; an ended one leaves the status.
    """
    task = task or make_task()
    agent = agent or Agent.objects.first() or make_agent()
    is_live = state in LIVE_STATES
    now = timezone.now()
    defaults: dict[str, Any] = {
        "attempt_no": task.attempt_no + 1,
        "fence": next_fence(),
        "claimed_at": None if state == SubAgentState.ASSIGNED else now,
        "started_at": None if state in (*VOID_STATES, SubAgentState.ASSIGNED, SubAgentState.STARTING) else now,
        "ended_at": None if is_live else now,
        "end_reason": task.end_reason if not is_live else "",
        "exit_code": task.exit_code,
    }
    sub_agent = SubAgent.objects.create(task=task, agent=agent, state=state, **{**defaults, **fields})
    make_allocation(sub_agent, gpus=gpus)
    _copy_to_task(task, sub_agent)
    return sub_agent


def make_allocation(sub_agent: SubAgent, *, gpus: Sequence[Gpu] = (), shared_mib: int = 0) -> Allocation:
    """What the task asks for, on whole `gpus` (or `shared_mib` of each); released when the sub agent is not live."""
    released_at = None if sub_agent.is_live else timezone.now()
    allocation = Allocation.objects.create(
        sub_agent=sub_agent,
        agent=sub_agent.agent,
        cpu_cores=sub_agent.task.cpu_cores,
        memory_mib=sub_agent.task.memory_mib or 0,
        released_at=released_at,
    )
    for gpu in gpus:
        AllocatedGpu.objects.create(
            allocation=allocation,
            gpu=gpu,
            memory_mib=shared_mib or gpu.memory_mib or 0,
            is_shared=bool(shared_mib),
            released_at=released_at,
        )
    return allocation


def make_output_log(
    sub_agent: SubAgent, *, stream: str = "out", stored_bytes: int = 0, state: str = LogState.OPEN
) -> OutputLog:
    """The row of one stream. The file with the bytes is the caller's business."""
    return OutputLog.objects.create(sub_agent=sub_agent, stream=stream, stored_bytes=stored_bytes, state=state)


def next_fence() -> int:
    """A number no attempt has had, from the counter that the product uses."""
    counter, _ = FenceCounter.objects.get_or_create(pk=1)
    FenceCounter.objects.filter(pk=counter.pk).update(value=F("value") + 1)
    counter.refresh_from_db()
    return counter.value


def _defaults(status: str) -> dict[str, Any]:
    now = timezone.now()
    fields: dict[str, Any] = {
        "name": "a task",
        "script_content": "echo hello\n",
        "status": status,
        "waiting_since": None if status == TaskStatus.BLOCKED else now,
    }
    if status in (TaskStatus.RUNNING, TaskStatus.COMPLETED, TaskStatus.FAILED):
        fields["start_time"] = now
    if status in (TaskStatus.COMPLETED, TaskStatus.FAILED):
        exit_code = 0 if status == TaskStatus.COMPLETED else 1
        fields |= {"end_time": now, "execution_time": 1.5, "end_reason": EndReason.EXIT, "exit_code": exit_code}
    if status == TaskStatus.CANCELED:
        fields |= {"end_time": now, "end_reason": EndReason.CANCEL}
    return fields


def _depend(task: Task, dependency: Task | tuple[Task, str]) -> None:
    other, kind = _parted(dependency)
    Dependency.objects.create(task=task, depends_on=other, kind=kind, is_satisfied=_satisfied(dependency))


def _satisfied(dependency: Task | tuple[Task, str]) -> bool:
    other, kind = _parted(dependency)
    return dependency_verdict(kind, other.status) is True


def _parted(dependency: Task | tuple[Task, str]) -> tuple[Task, str]:
    return dependency if isinstance(dependency, tuple) else (dependency, DependencyKind.AFTEROK)


def _copy_to_task(task: Task, sub_agent: SubAgent) -> None:
    """What the lifecycle copies to the task when it places an attempt."""
    task.attempt_no = sub_agent.attempt_no
    task.agent_id = str(sub_agent.agent_id)
    task.agent_name = sub_agent.agent.name
    if sub_agent.is_live:
        task.current_fence = sub_agent.fence
    if sub_agent.state == SubAgentState.RUNNING:
        task.status = TaskStatus.RUNNING
        task.start_time = task.start_time or sub_agent.started_at
    task.save()
