"""What a main agent is told: assignments (no script, no secret), grants (the claim's reply) and directives, as JSON
values. Decides nothing."""

from typing import Any

from django.conf import settings
from django.db.models import Q

from agents.models import Agent
from tasks import gang_place, gangs
from tasks.models import AllocatedGpu, SubAgent
from tasks.states import CLAIMED_STATES, SubAgentState
from tasks.tokens import sub_agent_token


def told(agent: Agent) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Assignments and stops. Most beats bring neither: one look at two columns says so."""
    to_stop = Q(state__in=CLAIMED_STATES) & ~Q(stop_reason="")
    found = SubAgent.objects.filter(Q(state=SubAgentState.ASSIGNED) | to_stop, agent=agent)
    states = set(found.values_list("state", flat=True))
    is_assigned, is_to_stop = SubAgentState.ASSIGNED in states, bool(states - {SubAgentState.ASSIGNED})
    return assignments(agent) if is_assigned else [], stops(agent) if is_to_stop else []


def assignments(agent: Agent) -> list[dict[str, Any]]:
    """Everything placed on the host and not claimed yet; repeated until it is."""
    rows = SubAgent.objects.filter(agent=agent, state=SubAgentState.ASSIGNED).order_by("fence")
    joined = rows.select_related("task", "allocation").defer("task__script_content", "task__environment")
    return [_assignment(row) for row in joined.prefetch_related("allocation__gpus__gpu")]


def stops(agent: Agent) -> list[dict[str, Any]]:
    """A stop directive for each live sub agent that should end; repeated until it has."""
    rows = SubAgent.objects.filter(agent=agent, state__in=CLAIMED_STATES).exclude(stop_reason="")
    return [stop_directive(row) for row in rows.select_related("task")]


def stop_directive(sub_agent: SubAgent) -> dict[str, Any]:
    return directive("stop", sub_agent.pk, sub_agent.fence, **stop_of(sub_agent))


def stop_of(sub_agent: SubAgent) -> dict[str, Any]:
    return {
        "reason": sub_agent.stop_reason,
        "grace_seconds": sub_agent.task.grace_seconds,
        "kill_now": sub_agent.stop_now,
    }


def directive(kind: str, sub_agent_id: Any, fence: int, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "sub_agent_id": str(sub_agent_id), "fence": fence, **more}


def grant(sub_agent: SubAgent) -> dict[str, Any]:
    """All that the host needs to execute the script, once it has claimed it."""
    task = sub_agent.task
    return {
        **_assignment(sub_agent),
        "gang": gang_place.of_member(sub_agent) if gangs.is_gang(task) else None,
        "sub_agent_token": sub_agent_token(sub_agent),
        "name": task.name,
        "script_content": task.script_content,
        "environment": task.environment,
        "working_directory": task.working_directory,
        "time_limit_seconds": task.time_limit_seconds,
        "grace_seconds": task.grace_seconds,
        "split_output": task.split_output,
        "submitted_by": task.submitted_by.get_username() if task.submitted_by else "",
        "user_code_dir": settings.USER_CODE_DIR,
    }


def _assignment(sub_agent: SubAgent) -> dict[str, Any]:
    allocation = sub_agent.allocation
    return {
        "sub_agent_id": str(sub_agent.pk),
        "fence": sub_agent.fence,
        "task_id": sub_agent.task_id,
        "attempt_no": sub_agent.attempt_no,
        "cpu_cores": float(allocation.cpu_cores),
        "memory_mib": allocation.memory_mib or None,
        "gpus": [_gpu(row) for row in allocation.gpus.all()],
        "gang": gang_place.rank_of(sub_agent) if gangs.is_gang(sub_agent.task) else None,
    }


def _gpu(row: AllocatedGpu) -> dict[str, Any]:
    return {
        "index": row.gpu.index,
        "uuid": row.gpu.uuid,
        "memory_mib": row.memory_mib,
        "is_shared": row.is_shared,
    }
