"""Which lane of the queue a task stands in, and the lanes as values for a pass. Changes no row.

The lane is a column, so that the first task of each kind is found by an index, however many wait behind it
(docs/performance.md). Only tasks.lifecycle writes it.
"""

import hashlib
import itertools
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Q, QuerySet

from scheduler_site.shared import statements
from tasks.models import Task
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.lane_queue import Lane, Waiting
from tasks.scheduling.order import Claim
from tasks.scheduling.rows import shortlist
from tasks.scheduling.rows.request import SHAPE_COLUMNS, expected_seconds, request_of, shape_of
from tasks.scheduling.rows.shortlist import Heads
from tasks.scheduling.values import UNKNOWN_SECONDS
from tasks.states import TaskStatus

FIRST_CHUNK, CHUNK = 4, 64  # most passes end before they need more than the first
_passes = itertools.count()
_COLUMNS = (
    *SHAPE_COLUMNS,
    "id",
    "lane",
    "priority",
    "submitted_by_id",
    "waiting_since",
    "start_by",
    "estimated_seconds",
    "time_limit_seconds",
)
_HEADS = """
WITH RECURSIVE lanes(lane) AS (
    SELECT MIN(lane) FROM tasks_task{index}
    WHERE status = 'waiting' AND current_fence IS NULL AND held_at IS NULL
    UNION ALL
    SELECT (SELECT MIN(lane) FROM tasks_task{index}
            WHERE status = 'waiting' AND current_fence IS NULL AND held_at IS NULL AND lane > lanes.lane)
    FROM lanes WHERE lanes.lane IS NOT NULL
)
SELECT head.id, head.priority, head.waiting_since, head.cpu_cores, head.memory_mib, head.gpu_count
FROM lanes JOIN tasks_task AS head ON head.id = (
    SELECT id FROM tasks_task AS task
    WHERE task.status = 'waiting' AND task.current_fence IS NULL AND task.held_at IS NULL AND task.lane = lanes.lane
          AND (task.not_before IS NULL OR task.not_before <= %s)
    ORDER BY start_by, waiting_since, id LIMIT 1)
WHERE lanes.lane IS NOT NULL
"""


_BEHIND = """
SELECT id FROM tasks_task
WHERE lane = %s AND status = 'waiting' AND current_fence IS NULL AND held_at IS NULL
      AND (not_before IS NULL OR not_before <= %s) AND ({columns}) > ({values})
ORDER BY start_by, waiting_since, id LIMIT {chunk}
"""


def columns_of(task: Task) -> dict[str, Any]:
    """What lifecycle stores beside the task's own columns whenever one of them may have changed."""
    start_by = _start_by(task)
    row = {name: getattr(task, name, None) for name in SHAPE_COLUMNS}  # an old migration knows not all of them
    shape = shape_of(row, frozenset())
    parts = (shape, task.priority, task.submitted_by_id, _seconds(task), start_by and start_by.timestamp())
    return {"lane": hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest(), "start_by": start_by}


def waiting_tasks(now: datetime) -> QuerySet[Task]:
    """Tasks that may be placed at `now`."""
    due = Q(not_before__isnull=True) | Q(not_before__lte=now)
    return Task.objects.filter(due, status=TaskStatus.WAITING, current_fence__isnull=True, held_at__isnull=True)


def heads(now: datetime) -> list[tuple[Any, ...]]:
    """The first task of each lane that may be placed at `now`: the columns of _HEADS."""
    with connection.cursor() as cursor:
        cursor.execute(heads_query(), [now])
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def load(
    found: list[tuple[Any, ...]], now: datetime, site_names: frozenset[str], fleet: Fleet | None = None
) -> list[Lane]:
    """`found` heads: each lane with its first task; more of it is read when the pass gets that far. Given the fleet,
    and where there are very many lanes, only those that a pass has to look at."""
    if fleet is None or len(found) <= shortlist.FEW:
        ids = [row[0] for row in found]
    else:
        ids = shortlist.ids(_arrays(found), fleet, next(_passes))
    return [_lane(row, now, site_names) for row in sorted(_rows(ids), key=lambda row: row["id"])]


def _rows(ids: Collection[int]) -> list[dict[str, Any]]:
    """Those of the tasks that still wait, in no order."""
    open_ones = {"status": TaskStatus.WAITING, "current_fence": None, "held_at": None}
    rows = statements.rows_among(Task, _COLUMNS, "id", ids, **open_ones)
    return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]


def heads_query() -> str:
    """SQLite guesses, until somebody runs ANALYZE, that the index of statuses is the better one: each lane would cost a
    look at all that wait."""
    return _HEADS.format(index=" INDEXED BY task_queue" if connection.vendor == "sqlite" else "")


def _arrays(heads: list[tuple[Any, ...]]) -> Heads:
    """The columns of _HEADS. A moment is a text in SQLite and a datetime in PostgreSQL; both sort by time."""
    ids, priorities, moments, cores, memory, gpus = zip(*heads, strict=True)
    return Heads(
        ids=np.array(ids),
        priorities=np.array(priorities),
        seniority=np.argsort(np.array([str(moment) for moment in moments]), kind="stable").argsort(),
        centicores=np.rint(np.array(cores, dtype=float) * 100).astype(np.int64),
        memory_mib=np.array([mib or 0 for mib in memory], dtype=np.int64),
        gpu_count=np.array(gpus),
    )


def _lane(head: dict[str, Any], now: datetime, site_names: frozenset[str]) -> Lane:
    first = [_waiting(head, now, site_names)]
    return Lane(head["submitted_by_id"], first, _reader(head, now, site_names))


def _reader(head: dict[str, Any], now: datetime, site_names: frozenset[str]) -> Callable[[], Iterable[Waiting]]:
    """Reads the lane on behind what it gave before."""
    last = head
    sizes = itertools.chain([FIRST_CHUNK], itertools.repeat(CHUNK))

    def more() -> list[Waiting]:
        nonlocal last
        ids = _behind(last, now, next(sizes))
        found = {row["id"]: row for row in _rows(ids)}
        rows = [found[task_id] for task_id in ids if task_id in found]
        last = rows[-1] if rows else last
        return [_waiting(row, now, site_names) for row in rows]

    return more


def _behind(last: dict[str, Any], now: datetime, most: int) -> list[int]:
    """The next tasks of the same lane, in order. All of a lane have a latest start, or none has."""
    columns = ("waiting_since", "id") if last["start_by"] is None else ("start_by", "waiting_since", "id")
    text = _BEHIND.format(columns=", ".join(columns), values=", ".join(["%s"] * len(columns)), chunk=most)
    moment = connection.ops.adapt_datetimefield_value  # as the rows have it: two of the same moment must be equal
    place = [last[name] if name == "id" else moment(last[name]) for name in columns]
    with connection.cursor() as cursor:
        cursor.execute(text, [last["lane"], moment(now), *place])
        return [task_id for (task_id,) in cursor.fetchall()]


def _waiting(row: dict[str, Any], now: datetime, site_names: frozenset[str]) -> Waiting:
    waited = (now - row["waiting_since"]).total_seconds() if row["waiting_since"] else 0.0
    start_in = (row["start_by"] - now).total_seconds() if row["start_by"] else None
    seconds = expected_seconds(row["estimated_seconds"], row["time_limit_seconds"])
    request = request_of(row, site_names, seconds=seconds, waited_seconds=waited, owner=row["submitted_by_id"])
    return Claim(row["id"], row["priority"], waited, start_in), request


def _start_by(task: Task) -> datetime | None:
    """The latest start that keeps the deadline. An unknown run time counts as none: better late than too early."""
    if task.deadline_at is None:
        return None
    seconds = _seconds(task)
    return task.deadline_at - timedelta(seconds=0 if seconds == UNKNOWN_SECONDS else seconds)


def _seconds(task: Task) -> int:
    return expected_seconds(task.estimated_seconds, task.time_limit_seconds)
