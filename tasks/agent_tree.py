"""The tree of hosts as plain values: every main agent with the live sub agents on it, for the API and the agents page.

A fixed number of queries, however many hosts, GPUs and tasks there are. Decides nothing and shows nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch
from django.utils import timezone

from agents.models import Agent, Gpu
from agents.states import Connectivity, Standing
from tasks.agent_traits import Traits
from tasks.models import AllocatedGpu, Allocation, SubAgent
from tasks.reserving.agent_reservations import Reserved
from tasks.scheduling.values import FOREIGN_TOLERANCE_MIB
from tasks.states import LIVE_STATES, Kept

Values = dict[str, Any]

AGENT_COLUMNS = (
    "name",
    "type",
    "status",
    "standing",
    "quarantine_reason",
    "standing_reason",
    "connectivity",
    "hostname",
    "zone",
    "address",
    "agent_version",
    "created_time",
    "last_heartbeat_time",
    "running_time",
    "cpu_usage",
    "memory_mib",
    "memory_usage",
    "memory_used_mib",
    "disk_free_mib",
    "load_1m",
    "is_declared",
    "gpu_state",
    "gpu_detail",
)
SUB_AGENT_COLUMNS = (
    *("task_id", "agent_id", "attempt_no", "rank", "fence", "state", "created_time", "started_at", "ended_at"),
    *("end_detail", "unreachable_since", "last_heartbeat_time", "cpu_usage", "memory_used_mib", "process_count"),
    *("gpu_info", "task__name", "agent__connectivity"),
    *(f"allocation__{name}" for name in ("sub_agent", "cpu_cores", "released_at", "inside", "kept")),
)
GPU_READINGS = ("memory_mib", "memory_used_mib", "utilization", "temperature_c")


def agent_tree(now: datetime | None = None) -> list[Values]:
    """All main agents by name, each with `gpu_info` and `sub_agents` (live ones, oldest first)."""
    now = now or timezone.now()
    live: dict[Any, list[SubAgent]] = defaultdict(list)
    ended: dict[Any, list[SubAgent]] = defaultdict(list)
    for sub_agent in _sub_agents(ended_at=None, state__in=LIVE_STATES):
        live[sub_agent.agent_id].append(sub_agent)
    for sub_agent in _sub_agents(pk__in=kept_ids()):
        ended[sub_agent.agent_id].append(sub_agent)
    traits, reserved = Traits(), Reserved()
    return [_agent_values(agent, live[agent.pk], ended[agent.pk], traits, reserved, now) for agent in _agents()]


def whole(number: Decimal | float) -> int | float:
    """A count of cores as JSON wants it: whole numbers stay whole."""
    value = float(number)
    return int(value) if value.is_integer() else round(value, 2)


def _agents() -> Iterable[Agent]:
    present = Prefetch("gpus", queryset=Gpu.objects.filter(is_present=True).order_by("index"), to_attr="cards")
    return Agent.objects.exclude(standing=Standing.REMOVED).order_by("name").prefetch_related(present)


def kept_ids() -> list[Any]:
    """Sub agents that have ended, and whose allocation is kept: a query of their own, there are hardly ever any."""
    return list(
        Allocation.objects.filter(released_at=None).exclude(kept="").order_by().values_list("sub_agent", flat=True)
    )


def _sub_agents(**which: Any) -> Iterable[SubAgent]:
    cards = Prefetch("allocation__gpus", queryset=AllocatedGpu.objects.select_related("gpu").order_by("gpu__index"))
    return (
        SubAgent.objects.filter(**which)
        .select_related("task", "agent", "allocation")
        .only(*SUB_AGENT_COLUMNS)
        .prefetch_related(cards)
        .order_by("created_time", "fence")
    )


def _agent_values(
    agent: Agent,
    sub_agents: list[SubAgent],
    ended: list[SubAgent],
    traits: Traits,
    reserved: Reserved,
    now: datetime,
) -> Values:
    """`ended`: those whose allocation is kept."""
    holders = [*sub_agents, *ended]
    cores_in_use = sum((_held_cores(sub_agent) for sub_agent in holders), Decimal(0))
    inside = sum((_held_cores(sub_agent) for sub_agent in holders if _is_inside(sub_agent)), Decimal(0))
    taken = cores_in_use - inside + reserved.cores(agent.pk)
    reservations = reserved.of(agent.pk)
    return {
        "id": str(agent.pk),
        **{column: getattr(agent, column) for column in AGENT_COLUMNS},
        "cpu_cores": whole(agent.cpu_cores),
        "cpu_cores_in_use": whole(cores_in_use),
        "available_cpu_cores": whole(max(Decimal(0), agent.cpu_cores - taken)),
        "gpu_info": _cards_of(agent, holders, reservations),
        "reservations": reservations,
        "weight": whole(agent.weight),
        "tracking": str(agent.host_facts.get("tracking") or ""),
        **traits.of(agent, [card.name for card in agent.cards]),  # type: ignore[attr-defined]
        "kept": [_kept_values(sub_agent) for sub_agent in ended],
        "sub_agents": [_sub_agent_values(sub_agent, now) for sub_agent in sub_agents],
    }


def _cards_of(agent: Agent, sub_agents: list[SubAgent], reservations: list[Values]) -> list[Values]:
    """The present cards with their latest reading, and the tasks and reservations that hold them."""
    readings = _by_uuid(agent.gpu_info)
    holders: dict[int, list[int]] = defaultdict(list)
    for sub_agent in sub_agents:
        for held in _held_cards(sub_agent):
            holders[held.gpu_id].append(sub_agent.task_id)
    return [
        {
            "index": card.index,
            "uuid": card.uuid,
            "name": card.name,
            **_reading(readings.get(card.uuid, {}), card.memory_mib),
            **_outside(readings.get(card.uuid, {}), is_held=bool(holders[card.pk])),
            "task_ids": sorted(holders[card.pk]),
            "reservation_ids": [row["id"] for row in reservations if card.index in row["gpu_indexes"]],
        }
        for card in agent.cards  # type: ignore[attr-defined]
    ]


def _reading(reading: Mapping[str, Any], memory_mib: int | None) -> Values:
    values = {key: reading.get(key) for key in GPU_READINGS}
    return values if values["memory_mib"] is not None else {**values, "memory_mib": memory_mib}


def _outside(reading: Mapping[str, Any], *, is_held: bool) -> Values:
    """What others than Nightshift's tasks use of a card, and whether that takes it; unknown where a task holds it and
    the host cannot tell whose memory is whose."""
    used, own = reading.get("memory_used_mib"), reading.get("own_mib")
    if used is None or (own is None and is_held):
        return {"outsiders_mib": None, "is_used_outside": False}
    mib = max(0, int(used) - int(own or 0))
    return {"outsiders_mib": mib, "is_used_outside": mib >= FOREIGN_TOLERANCE_MIB}


def _by_uuid(rows: Any) -> dict[str, Mapping[str, Any]]:
    return {str(row["uuid"]): row for row in rows or [] if isinstance(row, Mapping) and "uuid" in row}


def _sub_agent_values(sub_agent: SubAgent, now: datetime) -> Values:
    return {
        "id": str(sub_agent.pk),
        "type": sub_agent.type,
        "name": str(sub_agent),
        "task_id": sub_agent.task_id,
        "task_name": sub_agent.task.name,
        "attempt_no": sub_agent.attempt_no,
        "status": "online" if _is_heard(sub_agent) else "offline",
        "state": sub_agent.state,
        "created_time": sub_agent.created_time,
        "last_heartbeat_time": sub_agent.last_heartbeat_time,
        "running_time": _seconds_between(sub_agent.started_at, now),
        "cpu_cores": whole(_held_cores(sub_agent)),
        "cpu_usage": sub_agent.cpu_usage,
        "memory_used_mib": sub_agent.memory_used_mib,
        "process_count": sub_agent.process_count,
        "gpu_info": [_share_of(held, _by_uuid(sub_agent.gpu_info)) for held in _held_cards(sub_agent)],
        "main_agent_id": str(sub_agent.agent_id),
    }


def _kept_values(sub_agent: SubAgent) -> Values:
    return {
        "task_id": sub_agent.task_id,
        "task_name": sub_agent.task.name,
        "attempt_no": sub_agent.attempt_no,
        "why": sub_agent.allocation.kept,
        "sentence": Kept(sub_agent.allocation.kept).label,
        "detail": sub_agent.end_detail,
        "since": sub_agent.ended_at,
        "cpu_cores": whole(_held_cores(sub_agent)),
        "gpu_indexes": [held.gpu.index for held in _held_cards(sub_agent)],
    }


def _share_of(held: AllocatedGpu, usage: Mapping[str, Mapping[str, Any]]) -> Values:
    """One card that a sub agent holds: `memory_mib` is what it may use, `memory_used_mib` what its processes use."""
    reading = usage.get(held.gpu.uuid, {})
    return {
        "index": held.gpu.index,
        "uuid": held.gpu.uuid,
        "name": held.gpu.name,
        "memory_mib": held.memory_mib if held.is_shared else held.gpu.memory_mib,
        "memory_used_mib": reading.get("memory_mib"),
        "utilization": reading.get("utilization"),
        "is_shared": held.is_shared,
    }


def _is_heard(sub_agent: SubAgent) -> bool:
    return sub_agent.unreachable_since is None and sub_agent.agent.connectivity != Connectivity.UNREACHABLE


def _held_cores(sub_agent: SubAgent) -> Decimal:
    allocation = getattr(sub_agent, "allocation", None)
    return Decimal(0) if allocation is None or allocation.released_at else allocation.cpu_cores


def _is_inside(sub_agent: SubAgent) -> bool:
    """Of a reservation."""
    allocation = getattr(sub_agent, "allocation", None)
    return allocation is not None and allocation.inside_id is not None


def _held_cards(sub_agent: SubAgent) -> list[AllocatedGpu]:
    allocation = getattr(sub_agent, "allocation", None)
    return [] if allocation is None or allocation.released_at else list(allocation.gpus.all())


def _seconds_between(start: datetime | None, end: datetime) -> int | None:
    return None if start is None else max(0, int((end - start).total_seconds()))
