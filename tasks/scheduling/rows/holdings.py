"""What is held on hosts now, by whom and for how long, as values. Reads rows; changes nothing."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from agents.models import Agent
from tasks.models import AllocatedGpu, Allocation
from tasks.scheduling.rows.request import centicores, expected_seconds
from tasks.scheduling.values import Ending, Held

OVERDUE_SECONDS = 60.0  # whoever is over its expected end is expected to end soon

_COLUMNS = (
    "id",
    "agent_id",
    "reservation_id",
    "inside_id",
    "cpu_cores",
    "memory_mib",
    "disk_mib",
    "resources",
    "whole_host",
    "created_at",
    "reservation__until",
    "sub_agent__task_id",
    "sub_agent__started_at",
    "sub_agent__memory_used_mib",
    "sub_agent__task__estimated_seconds",
    "sub_agent__task__time_limit_seconds",
)


@dataclass(frozen=True, slots=True)
class Holding:
    """One allocation. `used_memory_mib`: what its sub agent was last seen to use, None when unknown.

    `parts_seen`: for each card, what was booked there and the most that was seen in use by this holder.
    """

    held: Held
    holder: str
    since: datetime
    ends_at: datetime
    reservation_id: int | None = None
    inside_id: int | None = None
    used_memory_mib: int | None = None
    parts_seen: tuple[tuple[str, int, int], ...] = ()

    @property
    def booked_memory_mib(self) -> int:
        """The larger of asked and seen: what is in use cannot be given to somebody else."""
        return max(self.held.memory_mib, self.used_memory_mib or 0)

    def ending(self, now: datetime) -> Ending:
        left = (self.ends_at - now).total_seconds()
        booked = replace(self.held, memory_mib=self.booked_memory_mib)
        return Ending(left if left > 0 else OVERDUE_SECONDS, booked, self.holder)


class _Part(NamedTuple):
    """A card of an allocation, or a part of one. No model row: a fleet has thousands, and every pass reads them."""

    allocation_id: int
    gpu_id: int
    uuid: str
    memory_mib: int
    peak_mib: int
    is_shared: bool


def load(agents: QuerySet[Agent]) -> dict[UUID, list[Holding]]:
    """By host, oldest first."""
    held = Allocation.objects.filter(agent__in=agents.order_by().values("pk"), released_at__isnull=True).order_by("id")
    gpus: dict[int, list[_Part]] = defaultdict(list)
    rows = AllocatedGpu.objects.filter(allocation__in=held.order_by().values("pk"), released_at__isnull=True)
    columns = ("allocation_id", "gpu_id", "gpu__uuid", "memory_mib", "peak_mib", "is_shared")
    for part in map(_Part._make, rows.values_list(*columns).order_by("id")):
        gpus[part.allocation_id].append(part)
    found: dict[UUID, list[Holding]] = defaultdict(list)
    for row in held.values(*_COLUMNS):
        found[row["agent_id"]].append(_holding(row, gpus[row["id"]]))
    return found


def site_resources_held(names: frozenset[str]) -> dict[str, int]:
    """How much of each of the site's own resources is held anywhere; what tasks hold inside a reservation is the
    reservation's."""
    found: dict[str, int] = defaultdict(int)
    rows = Allocation.objects.filter(released_at__isnull=True, inside__isnull=True).exclude(resources={})
    for resources in rows.values_list("resources", flat=True):
        for name in names & resources.keys():
            found[name] += resources[name]
    return found


def _holding(row: dict[str, Any], gpus: list[_Part]) -> Holding:
    held = Held(
        cpu_centicores=centicores(row["cpu_cores"]),
        memory_mib=row["memory_mib"],
        disk_mib=row["disk_mib"],
        resources=tuple(sorted(row["resources"].items())),
        gpus=tuple((gpu.gpu_id, _booked(gpu) if gpu.is_shared else None) for gpu in gpus),
        whole_host=row["whole_host"],
    )
    return Holding(
        held=held,
        holder=_holder(row),
        since=row["sub_agent__started_at"] or row["created_at"],
        ends_at=_ends_at(row),
        reservation_id=row["reservation_id"],
        inside_id=row["inside_id"],
        used_memory_mib=row["sub_agent__memory_used_mib"],
        parts_seen=tuple((gpu.uuid, gpu.memory_mib, gpu.peak_mib) for gpu in gpus),
    )


def _booked(gpu: _Part) -> int:
    """Of a shared card: the larger of asked and observed peak."""
    return max(gpu.memory_mib, gpu.peak_mib)


def _holder(row: dict[str, Any]) -> str:
    if row["reservation_id"]:
        return f"reservation {row['reservation_id']}"
    return f"#{row['sub_agent__task_id']}"


def _ends_at(row: dict[str, Any]) -> datetime:
    if row["reservation_id"]:
        until: datetime = row["reservation__until"]
        return until
    estimated, limit = row["sub_agent__task__estimated_seconds"], row["sub_agent__task__time_limit_seconds"]
    since: datetime = row["sub_agent__started_at"] or row["created_at"]
    return since + timedelta(seconds=expected_seconds(estimated, limit))
