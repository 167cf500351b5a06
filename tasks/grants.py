"""What a main agent is told: assignments (no script, no secret), grants (the claim's reply) and directives, as JSON
values. Decides nothing."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import prefetch_related_objects

from agents.models import Agent
from scheduler_site.shared import statements
from tasks import gang_place, gangs
from tasks.models import AllocatedGpu, Allocation, SubAgent, Task
from tasks.states import CLAIMED_STATES, LIVE_STATES, SubAgentState
from tasks.tokens import sub_agent_token

_OF_ASSIGNMENT = ("fence", "task_id", "attempt_no", "rank")


def told(agent: Agent) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Assignments and stops. Most beats bring neither: one look at two columns says so."""
    live = statements.rows(SubAgent, ["state", "stop_reason"], {"agent_id": agent.pk, "state": LIVE_STATES})
    is_assigned = any(state == SubAgentState.ASSIGNED for state, _ in live)
    is_to_stop = any(reason and state in CLAIMED_STATES for state, reason in live)
    return assignments(agent) if is_assigned else [], stops(agent) if is_to_stop else []


def assignments(agent: Agent) -> list[dict[str, Any]]:
    """Everything placed on the host and not claimed yet; repeated until it is."""
    found = statements.instances(SubAgent, {"agent_id": agent.pk, "state": SubAgentState.ASSIGNED}, _OF_ASSIGNMENT)
    gangs_of = dict(statements.rows(Task, ["id", "node_count"], {"pk": [row.task_id for row in found]}))
    held = _allocations([row.pk for row in found])
    by_fence = sorted(found, key=lambda row: row.fence)
    return [_assignment(row, held[row.pk], gangs_of[row.task_id]) for row in by_fence if row.pk in held]


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
    held = _allocations([sub_agent.pk])[sub_agent.pk]
    return {
        **_assignment(sub_agent, held, task.node_count),
        "gang": gang_place.of_member(sub_agent) if gangs.is_gang(task) else None,
        "sub_agent_token": sub_agent_token(sub_agent),
        "name": task.name,
        "script_content": task.script_content,
        "environment": task.environment,
        "working_directory": task.working_directory,
        "time_limit_seconds": task.time_limit_seconds,
        "grace_seconds": task.grace_seconds,
        "split_output": task.split_output,
        "submitted_by": _username(task.submitted_by_id),
        "user_code_dir": settings.USER_CODE_DIR,
    }


def _username(user_id: int | None) -> str:
    found = statements.row(get_user_model(), ["username"], {"pk": user_id}) if user_id else None
    return found[0] if found else ""


def _assignment(sub_agent: SubAgent, held: Allocation, node_count: int) -> dict[str, Any]:
    return {
        "sub_agent_id": str(sub_agent.pk),
        "fence": sub_agent.fence,
        "task_id": sub_agent.task_id,
        "attempt_no": sub_agent.attempt_no,
        "cpu_cores": float(held.cpu_cores),
        "memory_mib": held.memory_mib or None,
        "gpus": [_gpu(row) for row in held.gpus.all()],
        "gang": gang_place.rank_of(sub_agent, node_count) if node_count > 1 else None,
    }


def _allocations(sub_agent_ids: list[UUID]) -> dict[UUID | None, Allocation]:
    """What each holds, with its cards."""
    names = ("sub_agent_id", "cpu_cores", "memory_mib")
    found = statements.instances(Allocation, {"sub_agent_id": sub_agent_ids}, names)
    cards = statements.instances(AllocatedGpu, {"allocation_id": [held.pk for held in found]})
    if cards:
        prefetch_related_objects(cards, "gpu")
    for held in found:
        own = [card for card in cards if card.allocation_id == held.pk]
        held._prefetched_objects_cache = {"gpus": sorted(own, key=lambda card: card.pk)}  # type: ignore[attr-defined]
    return {held.sub_agent_id: held for held in found}


def _gpu(row: AllocatedGpu) -> dict[str, Any]:
    return {
        "index": row.gpu.index,
        "uuid": row.gpu.uuid,
        "memory_mib": row.memory_mib,
        "is_shared": row.is_shared,
    }
