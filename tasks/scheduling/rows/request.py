"""A task's or a reservation's row as the value that a pass works on. Reads attributes or columns; changes nothing."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from agents.models import CountedResource
from scheduler_site.shared import statements
from tasks.models import Reservation, Task
from tasks.scheduling.values import UNKNOWN_SECONDS, Request, Shape

SHAPE_COLUMNS = (
    "cpu_cores",
    "memory_mib",
    "disk_mib",
    "gpu_count",
    "gpu_memory",
    "gpu_share",
    "gpu_types",
    "resources",
    "node_count",
    "whole_host",
    "hosts",
    "exclude_hosts",
    "pool",
    "requires",
    "prefers",
    "zone",
    "reservation_id",
    "avoid_hosts",
    "grown",
)


def site_resource_names() -> frozenset[str]:
    """Names that are counted for the whole site rather than host by host."""
    return frozenset(name for (name,) in statements.rows(CountedResource, ["name"], {"agent_id": None}))


def expected_seconds(estimated: int | None, limit: int | None) -> int:
    """The user's estimate, else the time limit, else a day."""
    return estimated or limit or UNKNOWN_SECONDS


def task_request(task: Task, site_names: frozenset[str]) -> Request:
    row = {name: getattr(task, name) for name in (*SHAPE_COLUMNS, "id")}
    seconds = expected_seconds(task.estimated_seconds, task.time_limit_seconds)
    return request_of(row, site_names, seconds=seconds, owner=task.submitted_by_id)


def reservation_request(reservation: Reservation, site_names: frozenset[str], **more: Any) -> Request:
    names = [name for name in SHAPE_COLUMNS if name not in _TASKS_ONLY]
    row = {name: getattr(reservation, name) for name in (*names, "gpu_indices", "id")}
    return request_of(row, site_names, is_reservation=True, owner=reservation.submitted_by_id, **more)


_TASKS_ONLY = ("node_count", "prefers", "zone", "reservation_id", "avoid_hosts", "grown")


def request_of(row: Mapping[str, Any], site_names: frozenset[str], **more: Any) -> Request:
    """`row`: the columns of SHAPE_COLUMNS that there are, and the id."""
    return Request(row["id"], shape_of(row, site_names), **more)


def shape_of(row: Mapping[str, Any], site_names: frozenset[str]) -> Shape:
    """What a task has grown by counts instead of what its user asked for."""
    row = {**row, **(row.get("grown") or {})}
    if row.get("reservation_id"):
        site_names = frozenset()  # the reservation holds them already, with its part of the host
    counted = sorted((row.get("resources") or {}).items())
    if row.get("reservation_id") is not None:  # inside, what the reservation holds of the site counts as the host's
        site_names = frozenset()
    return Shape(
        cpu_centicores=centicores(row["cpu_cores"]),
        memory_mib=row["memory_mib"] or 0,
        disk_mib=row["disk_mib"] or 0,
        gpu_count=row["gpu_count"],
        gpu_memory_mib=row["gpu_memory"] or 0,
        gpu_share=bool(row["gpu_share"]),
        gpu_types=_texts(row, "gpu_types"),
        gpu_indices=tuple(row.get("gpu_indices") or ()),
        resources=tuple((name, amount) for name, amount in counted if name not in site_names),
        site_resources=tuple((name, amount) for name, amount in counted if name in site_names),
        node_count=row.get("node_count") or 1,
        whole_host=bool(row["whole_host"]),
        hosts=_texts(row, "hosts"),
        exclude_hosts=_texts(row, "exclude_hosts"),
        pool=row["pool"],
        requires=row["requires"],
        prefers=_texts(row, "prefers"),
        zone=row.get("zone") or "",
        reservation_id=row.get("reservation_id"),
        avoid_hosts=_texts(row, "avoid_hosts"),
    )


def centicores(cores: Decimal | str | float) -> int:
    """Hundredths; a new row may still hold the number as it was typed."""
    return int(Decimal(str(cores)) * 100)


def _texts(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(row.get(name) or ())
