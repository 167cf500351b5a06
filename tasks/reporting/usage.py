"""The latest usage of every running sub agent, kept in memory and written once a second in one transaction (flush)."""

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from scheduler_site.shared import statements
from scheduler_site.shared.database_trouble import will_pass
from tasks import messages
from tasks.models import SubAgent


@dataclass(frozen=True)
class Usage:
    """Of the script with all its descendants; `cpu_percent` 100 is one core. None: unknown."""

    cpu_percent: float | None = None
    cpu_seconds: float | None = None
    memory_mib: int | None = None
    processes: int | None = None
    gpus: list[dict[str, Any]] = field(default_factory=list)


_lock = threading.Lock()
_fresh: dict[uuid.UUID, tuple[Usage | None, datetime]] = {}
_being_written: dict[uuid.UUID, tuple[Usage | None, datetime]] = {}


def keep(sub_agent_id: uuid.UUID, usage: Usage | None) -> None:
    """A report came: a sign of life, with figures or without."""
    keep_all({sub_agent_id: usage})


def keep_all(heard: Mapping[uuid.UUID, Usage | None]) -> None:
    """Of one report: all came at the same moment."""
    with _lock:
        now = timezone.now()
        for sub_agent_id, usage in heard.items():
            known = _fresh.get(sub_agent_id, (None, now))[0]
            _fresh[sub_agent_id] = (usage or known, now)


def was_heard(sub_agent_id: uuid.UUID) -> bool:
    """Whether a report came that is not written yet."""
    with _lock:
        return sub_agent_id in _fresh or sub_agent_id in _being_written


def flush() -> int:
    """Write what came since the last flush; returns the number of sub agents. Until the commit nothing of it is
    forgotten: who is about to give one up asks whether it was heard, and the database may be busy for long."""
    global _fresh, _being_written
    with _lock:
        fresh = _being_written = _being_written | _fresh
        _fresh = {}
    if not fresh:
        return 0
    try:
        _write(fresh)
    except Exception as error:
        if not will_pass(error):
            _forget_written()
        raise
    _forget_written()
    return len(fresh)


def _forget_written() -> None:
    global _being_written
    with _lock:
        _being_written = {}


def _write(fresh: Mapping[uuid.UUID, tuple[Usage | None, datetime]]) -> None:
    """In the order of ids: the flush of another process locks the same rows."""
    in_order = sorted(fresh.items(), key=lambda heard: heard[0].int)
    with transaction.atomic():
        away = SubAgent.objects.filter(ended_at=None, unreachable_since__isnull=False)  # few: they are not named here
        heard_again = [task_id for pk, task_id in away.values_list("pk", "task_id") if pk in fresh]
        statements.update_each(SubAgent, {sub_agent_id: _columns(*heard) for sub_agent_id, heard in in_order})
        if heard_again:
            messages.announce(heard_again)


def _columns(usage: Usage | None, at: datetime) -> dict[str, Any]:
    life = {"last_heartbeat_time": at, "unreachable_since": None}
    return life if usage is None else {**life, **_figures(usage)}


def _figures(usage: Usage) -> dict[str, Any]:
    return {
        "cpu_usage": usage.cpu_percent,
        "memory_used_mib": usage.memory_mib,
        "process_count": usage.processes,
        **({"gpu_info": usage.gpus} if usage.gpus else {}),  # else only the main agent knows (tasks.reporting.gpu_use)
    }
