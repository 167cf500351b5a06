"""Remove the output of tasks that ended long ago, batch by batch: by policy (tasks.retention) or by hand. Touches no
output that may still arrive, none of a task that others wait for or whose host may still run it, and no task.

The row goes first: a reader is told that the output is gone before it is. Then the file, and once more later, for a
crash in between and for a request that was just about to write.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from scheduler_site.shared.administrative_history import record
from scheduler_site.shared.failpoints import fail_at
from tasks.models import Allocation, Dependency, OutputLog
from tasks.output import log_files, logs
from tasks.states import FINAL_STATUSES, OPEN_STATUSES, SETTLED_LOG_STATES

BATCH = 200
STRAYS_AFTER_SECONDS = 3600.0


@dataclass(frozen=True)
class Pruned:
    """What was removed, or would be."""

    logs: int = 0
    bytes: int = 0

    def __add__(self, other: "Pruned") -> "Pruned":
        return Pruned(self.logs + other.logs, self.bytes + other.bytes)


_WAITED_FOR = Dependency.objects.filter(depends_on=OuterRef("sub_agent__task"), task__status__in=OPEN_STATUSES)
_MAY_RUN = Allocation.objects.filter(sub_agent__task=OuterRef("sub_agent__task"), released_at=None)


def candidates(ended_before: datetime) -> QuerySet[OutputLog]:
    """Settled output of final tasks, by when the attempt and the task ended."""
    rows = OutputLog.objects.filter(state__in=SETTLED_LOG_STATES, sub_agent__task__status__in=FINAL_STATUSES)
    rows = rows.filter(sub_agent__ended_at__lt=ended_before, sub_agent__task__end_time__lt=ended_before)
    return rows.exclude(Exists(_WAITED_FOR)).exclude(Exists(_MAY_RUN)).select_related("sub_agent").order_by("pk")


def next_ids(after: int, ended_before: datetime) -> list[int]:
    """Of the next settled outputs, the oldest first. None are left when those that follow began later than that: a log
    has its row after its sub agent has."""
    rows = OutputLog.objects.filter(pruned_at=None, state__in=SETTLED_LOG_STATES, pk__gt=after).order_by("pk")
    found = rows.values_list("pk", "sub_agent__created_time")[:BATCH]
    return [pk for pk, _ in takewhile(lambda row: row[1] < ended_before, found)]


def remove(rows: Sequence[OutputLog], because: str) -> Pruned:
    """Rows in one short transaction, then their files."""
    if not rows:
        return Pruned()
    size = sum(_used(row) for row in rows)
    with transaction.atomic():
        count = logs.mark_pruned([row.pk for row in rows], because)
        tasks = [row.sub_agent.task_id for row in rows]
        if count:
            record("pruned", "output", reason=because, outputs=count, bytes=size, tasks=[min(tasks), max(tasks)])
    fail_at("prune.before_files")
    for row in rows:
        _remove_file(row)
    return Pruned(count, size)


def remove_strays(pruned_before: datetime) -> int:
    """A batch of the files of output that was pruned before then, looked for once more. Returns how many these are."""
    left = OutputLog.objects.filter(is_file_left=True).filter(Q(pruned_at=None) | Q(pruned_at__lt=pruned_before))
    rows = list(left.select_related("sub_agent").order_by("pk")[:BATCH])
    for row in rows:
        _remove_file(row)
    logs.forget_files([row.pk for row in rows])
    return len(rows)


def strays_of() -> datetime:
    """Output that was pruned before this moment is not written any more by a request that began when it was not."""
    return timezone.now() - timedelta(seconds=STRAYS_AFTER_SECONDS)


def prune(ended_before: datetime, because: str = "", *, is_trial: bool = False) -> Pruned:
    """All of it, by hand. What a crash left is removed too."""
    found, after = Pruned(), 0
    while ids := next_ids(after, ended_before):
        rows = list(candidates(ended_before).filter(pk__in=ids))
        found += Pruned(len(rows), sum(map(_used, rows))) if is_trial else remove(rows, because)
        after = ids[-1]
    while not is_trial and remove_strays(strays_of()):
        pass
    return found


def _remove_file(row: OutputLog) -> None:
    log_files.remove(log_files.path_of(row.sub_agent, row.stream))


def _used(row: OutputLog) -> int:
    return log_files.used_bytes(log_files.path_of(row.sub_agent, row.stream))
