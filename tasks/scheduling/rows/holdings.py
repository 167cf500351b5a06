"""What is held on hosts now, by whom and for how long, as values. Reads rows; changes nothing."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from agents.models import Gpu
from scheduler_site.shared import statements
from tasks.models import AllocatedGpu, Allocation, Reservation, SubAgent, Task
from tasks.scheduling.rows.request import centicores, expected_seconds
from tasks.scheduling.values import Ending, Held

OVERDUE_SECONDS = 60.0  # whoever is over its expected end is expected to end soon

_COLUMNS = (
    "id",
    "agent_id",
    "sub_agent_id",
    "reservation_id",
    "inside_id",
    "cpu_cores",
    "memory_mib",
    "disk_mib",
    "resources",
    "whole_host",
    "created_at",
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

    gpu_id: int
    uuid: str
    memory_mib: int
    peak_mib: int
    is_shared: bool


class _Runs(NamedTuple):
    """Of the sub agent that holds an allocation, and of its task."""

    task_id: int
    started_at: datetime | None
    used_memory_mib: int | None
    estimated: int | None
    limit: int | None


def load(agent_ids: Collection[UUID]) -> dict[UUID, list[Holding]]:
    """By host, oldest first."""
    found = statements.rows_among(Allocation, _COLUMNS, "agent_id", agent_ids, released_at=None)
    held = [dict(zip(_COLUMNS, row, strict=True)) for row in sorted(found)]
    parts = _parts([row["id"] for row in held])
    runs = _runs([row["sub_agent_id"] for row in held if row["sub_agent_id"]])
    untils = dict(
        statements.rows_among(
            Reservation, ["id", "until"], "id", {row["reservation_id"] for row in held if row["reservation_id"]}
        )
    )
    by_host: dict[UUID, list[Holding]] = defaultdict(list)
    for row in held:
        ends = untils.get(row["reservation_id"]) if row["reservation_id"] else runs[row["sub_agent_id"]]
        by_host[row["agent_id"]].append(_holding(row, parts[row["id"]], ends))
    return by_host


def _parts(allocation_ids: Collection[int]) -> dict[int, list[_Part]]:
    columns = ["id", "allocation_id", "gpu_id", "memory_mib", "peak_mib", "is_shared"]
    rows = sorted(statements.rows_among(AllocatedGpu, columns, "allocation_id", allocation_ids, released_at=None))
    uuids = dict(statements.rows_among(Gpu, ["id", "uuid"], "id", {row[2] for row in rows}))
    found: dict[int, list[_Part]] = defaultdict(list)
    for _, allocation_id, gpu_id, memory_mib, peak_mib, is_shared in rows:
        found[allocation_id].append(_Part(gpu_id, uuids[gpu_id], memory_mib, peak_mib, is_shared))
    return found


def _runs(sub_agent_ids: Collection[UUID]) -> dict[UUID, _Runs]:
    rows = statements.rows_among(SubAgent, ["id", "task_id", "started_at", "memory_used_mib"], "id", sub_agent_ids)
    columns = ["id", "estimated_seconds", "time_limit_seconds"]
    seconds = {
        pk: (estimated, limit)
        for pk, estimated, limit in statements.rows_among(Task, columns, "id", {row[1] for row in rows})
    }
    return {pk: _Runs(task_id, started_at, used, *seconds[task_id]) for pk, task_id, started_at, used in rows}


def site_resources_held(names: frozenset[str]) -> dict[str, int]:
    """How much of each of the site's own resources is held anywhere; what tasks hold inside a reservation is the
    reservation's."""
    found: dict[str, int] = defaultdict(int)
    rows = Allocation.objects.filter(released_at__isnull=True, inside__isnull=True).exclude(resources={})
    for resources in rows.values_list("resources", flat=True):
        for name in names & resources.keys():
            found[name] += resources[name]
    return found


def _holding(row: dict[str, Any], gpus: list[_Part], ends: Any) -> Holding:
    """`ends`: of a reservation the moment, else _Runs."""
    held = Held(
        cpu_centicores=centicores(row["cpu_cores"]),
        memory_mib=row["memory_mib"],
        disk_mib=row["disk_mib"],
        resources=tuple(sorted(row["resources"].items())),
        gpus=tuple((gpu.gpu_id, _booked(gpu) if gpu.is_shared else None) for gpu in gpus),
        whole_host=row["whole_host"],
    )
    runs = ends if isinstance(ends, _Runs) else None
    since = (runs and runs.started_at) or row["created_at"]
    return Holding(
        held=held,
        holder=f"#{runs.task_id}" if runs else f"reservation {row['reservation_id']}",
        since=since,
        ends_at=since + timedelta(seconds=expected_seconds(runs.estimated, runs.limit)) if runs else ends,
        reservation_id=row["reservation_id"],
        inside_id=row["inside_id"],
        used_memory_mib=runs.used_memory_mib if runs else None,
        parts_seen=tuple((gpu.uuid, gpu.memory_mib, gpu.peak_mib) for gpu in gpus),
    )


def _booked(gpu: _Part) -> int:
    """Of a shared card: the larger of asked and observed peak."""
    return max(gpu.memory_mib, gpu.peak_mib)
