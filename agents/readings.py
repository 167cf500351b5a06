"""The latest figures of every host, kept in memory and written once a second in one transaction (flush).

Losing a second of figures in a crash costs nothing; state never goes this way. Every figure may be None: unknown.
"""

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from agents.messages import announce_readings
from agents.models import Agent
from scheduler_site.shared import statements


@dataclass(frozen=True)
class GpuReading:
    """`own_mib`: the part of `memory_used_mib` that the host's sub agents use; None when it cannot be told apart."""

    index: int
    uuid: str
    name: str = ""
    memory_mib: int | None = None
    memory_used_mib: int | None = None
    own_mib: int | None = None
    utilization: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None


@dataclass(frozen=True)
class Resources:
    """The `resources` of a heartbeat. Usage in percent of the host."""

    cpu_cores: float | None = None
    cpu_usage: float | None = None
    memory_mib: int | None = None
    memory_used_mib: int | None = None
    memory_usage: float | None = None
    load_1m: float | None = None
    disk_total_mib: int | None = None
    disk_free_mib: int | None = None
    is_declared: bool = False
    gpu_state: str = "unknown"
    gpu_detail: str = ""
    gpus: tuple[GpuReading, ...] = field(default_factory=tuple)


_lock = threading.Lock()
_fresh: dict[uuid.UUID, tuple[Resources, datetime]] = {}
_latest: dict[uuid.UUID, tuple[Resources, datetime]] = {}
_written: dict[uuid.UUID, datetime] = {}
FORGET_AFTER = timedelta(minutes=10)  # the row says the same by then


def keep(agent_id: uuid.UUID, resources: Resources) -> None:
    with _lock:
        _fresh[agent_id] = _latest[agent_id] = (resources, timezone.now())


def latest(agent: Agent) -> Resources:
    """The last reading that came to this process, else the one that was flushed: by this or by another process."""
    with _lock:
        known = _latest.get(agent.pk)
    if known is None or (agent.last_heartbeat_time is not None and agent.last_heartbeat_time > known[1]):
        return _stored(agent)
    return known[0]


def heard_at(agent_id: uuid.UUID) -> datetime:
    """When its last reading came to this process; now, when none is known."""
    with _lock:
        known = _latest.get(agent_id)
    return timezone.now() if known is None else known[1]


def is_from_here(agent: Agent) -> bool:
    """Whether this process wrote the latest sign of life into the host's row."""
    with _lock:
        return agent.last_heartbeat_time is not None and _written.get(agent.pk) == agent.last_heartbeat_time


def _stored(agent: Agent) -> Resources:
    rows = agent.gpu_info if isinstance(agent.gpu_info, list) else []
    gpus = [gpu for gpu in map(_stored_gpu, rows) if gpu is not None]
    columns = {name: getattr(agent, name) for name in figures(Resources()) if name != "gpu_info"}
    return Resources(**columns, gpus=tuple(gpus))


def _stored_gpu(row: Any) -> GpuReading | None:
    """A row that another version wrote, or that somebody changed by hand, may be none."""
    try:
        return msgspec.convert(row, GpuReading)
    except msgspec.ValidationError:
        return None


def flush() -> int:
    """Write what came since the last flush, and forget hosts that are gone; returns the number of hosts written."""
    global _fresh
    with _lock:
        fresh, _fresh = _fresh, {}
        _written.update({agent_id: at for agent_id, (_, at) in fresh.items()})
        _forget_silent(timezone.now() - FORGET_AFTER)
    if fresh:
        _write(fresh)
    return len(fresh)


def _write(fresh: Mapping[uuid.UUID, tuple[Resources, datetime]]) -> None:
    """In the order of ids: the flush of another process locks the same rows."""
    with transaction.atomic():
        in_order = sorted(fresh.items(), key=lambda heard: heard[0].int)
        statements.update_each(
            Agent, {key: {"last_heartbeat_time": at, **figures(read)} for key, (read, at) in in_order}
        )
        announce_readings()


def _forget_silent(since: datetime) -> None:
    for agent_id in [agent_id for agent_id, (_, heard_at) in _latest.items() if heard_at < since]:
        del _latest[agent_id]
        _written.pop(agent_id, None)


def figures(resources: Resources) -> dict[str, Any]:
    """The columns of Agent that hold readings (not capacity)."""
    return {
        "cpu_usage": resources.cpu_usage,
        "memory_usage": resources.memory_usage,
        "memory_used_mib": resources.memory_used_mib,
        "load_1m": resources.load_1m,
        "disk_total_mib": resources.disk_total_mib,
        "disk_free_mib": resources.disk_free_mib,
        "gpu_info": [vars(gpu) for gpu in resources.gpus],
    }
