"""Run as a program: makes hosts with running tasks in the data folder of the environment, and prints a JSON line for
each: what its main agent would have kept. No server runs meanwhile.

Rows are written as the product's verbs leave them, but in bulk and without their histories: by the verbs thousands of
tasks would take minutes.
"""

import json
import os
import sys
from decimal import Decimal
from typing import Any

CORES, MEMORY_MIB = 10, 65_536
EPOCH = 1


def main(hosts: int, tasks_each: int) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "scheduler_site.settings"
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import transaction

    call_command("migrate", verbosity=0)
    with transaction.atomic():
        lines = made(hosts, tasks_each)
    sys.stdout.writelines(json.dumps(line) + "\n" for line in lines)


def made(hosts: int, tasks_each: int) -> list[dict[str, Any]]:
    from agents.credentials import hashed, new_secret
    from agents.models import Agent

    secrets = [new_secret() for _ in range(hosts)]
    agents = [_agent(number, hashed(secret)) for number, secret in enumerate(secrets)]
    Agent.objects.bulk_create(agents, batch_size=500)
    known = [(agent, _running(agent, tasks_each)) for agent in agents]
    _write([sub_agent for _, sub_agents in known for sub_agent in sub_agents], tasks_each)
    return [
        {"credential": f"Agent {agent.pk}:{secret}", "epoch": EPOCH, "entries": [_entry(one) for one in sub_agents]}
        for (agent, sub_agents), secret in zip(known, secrets, strict=True)
    ]


def _agent(number: int, secret_hash: str) -> Any:
    """As a session leaves it."""
    from django.utils import timezone

    from agents.models import Agent
    from agents.states import Connectivity, GpuState

    now = timezone.now()
    return Agent(
        name=f"host-{number:04}",
        hostname=f"host-{number:04}",
        secret_hash=secret_hash,
        machine_id=f"machine-{number}",
        agent_version="1",
        connectivity=Connectivity.ONLINE,
        gpu_state=GpuState.ABSENT,
        epoch=EPOCH,
        boot_id="boot",
        incarnation="first",
        cpu_cores=CORES,
        memory_mib=MEMORY_MIB,
        started_at=now,
        last_heartbeat_time=now,
    )


def _running(agent: Any, count: int) -> list[Any]:
    from django.utils import timezone

    from tasks.models import SubAgent, Task
    from tasks.states import SubAgentState, TaskStatus

    now = timezone.now()
    task: dict[str, Any] = {
        "name": "runs",
        "script_content": "sleep 9999\n",
        "status": TaskStatus.RUNNING,
        "start_time": now,
        "attempt_no": 1,
    }
    live = {"attempt_no": 1, "state": SubAgentState.RUNNING, "claimed_at": now, "started_at": now, "boot_id": "boot"}
    return [
        SubAgent(task=Task(**task), agent=agent, claim_nonce=f"{agent.name}-{number}", pid=7, **live)
        for number in range(count)
    ]


def _write(sub_agents: list[Any], tasks_each: int) -> None:
    from tasks.models import Allocation, FenceCounter, SubAgent, Task

    FenceCounter.objects.create(pk=1, value=len(sub_agents))
    for fence, sub_agent in enumerate(sub_agents, 1):
        sub_agent.fence = sub_agent.task.current_fence = fence
    Task.objects.bulk_create([sub_agent.task for sub_agent in sub_agents], batch_size=500)
    SubAgent.objects.bulk_create(sub_agents, batch_size=500)
    held = {"cpu_cores": Decimal(CORES) / tasks_each, "memory_mib": 1024}
    allocations = (Allocation(sub_agent=one, agent_id=one.agent_id, **held) for one in sub_agents)
    Allocation.objects.bulk_create(allocations, batch_size=500)


def _entry(sub_agent: Any) -> dict[str, Any]:
    """Of a report: who says it."""
    from tasks.tokens import sub_agent_token

    token = sub_agent_token(sub_agent)
    return {"sub_agent_id": str(sub_agent.pk), "fence": sub_agent.fence, "token": token}


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
