"""Rows for the pass: hosts that are all in use, and waiting tasks none of which fits any of them."""

import uuid
from datetime import timedelta
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from agents.models import Agent, Gpu
from agents.states import Connectivity
from tasks.models import AllocatedGpu, Allocation, SubAgent, Task
from tasks.scheduling.rows import lanes
from tasks.states import SubAgentState, TaskStatus

CORES, MEMORY_MIB, GPUS = 32, 131_072, 4
FENCE = 10**9
SCRIPT = "python train.py --config config.yaml\n" * 20


def clear() -> None:
    for model in (AllocatedGpu, Allocation, SubAgent, Task, Gpu, Agent):
        model._base_manager.all()._raw_delete(using="default")


def make_hosts(count: int) -> None:
    """Every second one has GPUs. Each runs tasks that leave one core, 4 GiB and no card free."""
    agents = [
        Agent(
            name=f"host-{number:05}",
            connectivity=Connectivity.ONLINE,
            cpu_cores=CORES,
            memory_mib=MEMORY_MIB,
            secret_hash=uuid.uuid4().hex,
            last_heartbeat_time=timezone.now(),
        )
        for number in range(count)
    ]
    Agent.objects.bulk_create(agents, batch_size=500)
    gpus = [
        Gpu(agent=agent, index=index, uuid=f"GPU-{uuid.uuid4()}", name="NVIDIA A100-SXM4-40GB", memory_mib=40_960)
        for agent in agents[1::2]
        for index in range(GPUS)
    ]
    Gpu.objects.bulk_create(gpus, batch_size=500)
    _fill(agents, gpus)


def _fill(agents: list[Agent], gpus: list[Gpu]) -> None:
    now = timezone.now()
    tasks = [
        Task(
            name="runs",
            status=TaskStatus.RUNNING,
            current_fence=FENCE + number,
            script_content="true\n",
            start_time=now,
        )
        for number in range(len(agents))
    ]
    Task.objects.bulk_create(tasks, batch_size=500)
    subs = [
        SubAgent(
            task=task, agent=agent, attempt_no=1, fence=FENCE + number, state=SubAgentState.RUNNING, started_at=now
        )
        for number, (task, agent) in enumerate(zip(tasks, agents, strict=True))
    ]
    SubAgent.objects.bulk_create(subs, batch_size=500)
    held = [
        Allocation(sub_agent=sub, agent_id=sub.agent_id, cpu_cores=Decimal(CORES - 1), memory_mib=MEMORY_MIB - 4096)
        for sub in subs
    ]
    Allocation.objects.bulk_create(held, batch_size=500)
    by_agent = {allocation.agent_id: allocation for allocation in held}
    AllocatedGpu.objects.bulk_create(
        (AllocatedGpu(allocation=by_agent[gpu.agent_id], gpu=gpu, memory_mib=40_960) for gpu in gpus), batch_size=500
    )


def make_tasks(count: int, shapes: int, waited_seconds: int) -> None:
    """`shapes` kinds in turn, told apart by their memory; every second kind asks for a GPU."""
    Task._base_manager.filter(status=TaskStatus.WAITING)._raw_delete(using="default")
    since = timezone.now() - timedelta(seconds=waited_seconds)
    batch = []
    for number in range(count):
        kind = number % shapes
        task = Task(
            name=f"task {number}",
            status=TaskStatus.WAITING,
            script_content=SCRIPT,
            waiting_since=since,
            cpu_cores=Decimal(2 + kind % 4),
            memory_mib=8192 + kind,
            gpu_count=kind % 2,
        )
        for name, value in lanes.columns_of(task).items():
            setattr(task, name, value)
        batch.append(task)
    Task.objects.bulk_create(batch, batch_size=500)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def make_room(count: int) -> None:
    """One more host, idle, with room for so many of the smallest tasks."""
    Agent.objects.create(
        name="zz-idle",
        connectivity=Connectivity.ONLINE,
        cpu_cores=count * 2,
        memory_mib=count * 8192,
        secret_hash=uuid.uuid4().hex,
        last_heartbeat_time=timezone.now(),
    )


def take_back() -> None:
    """What was placed on the idle host waits again."""
    idle = SubAgent.objects.filter(agent__name="zz-idle")
    Task.objects.filter(sub_agents__in=idle).update(current_fence=None)
    Allocation.objects.filter(agent__name="zz-idle").delete()
    ids = list(idle.values_list("task_id", flat=True))
    connection.cursor().execute("DELETE FROM tasks_taskevent WHERE sub_agent_id IS NOT NULL")
    idle.delete()
    Task.objects.filter(pk__in=ids).delete()
    Agent.objects.filter(name="zz-idle").delete()
