"""Remove the output of tasks that ended long ago. Touches no live attempt, no output that may still arrive, no task."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from tasks.models import OutputLog
from tasks.output import log_files, logs
from tasks.states import FINAL_STATUSES, LogState


@dataclass(frozen=True)
class Pruned:
    """What was removed, or would be."""

    logs: int = 0
    bytes: int = 0


def candidates(ended_before: datetime) -> QuerySet[OutputLog]:
    """Settled output of final tasks, by when the attempt and the task ended."""
    rows = OutputLog.objects.filter(state__in=(LogState.COMPLETE, LogState.CORRUPT, LogState.INCOMPLETE))
    rows = rows.filter(sub_agent__ended_at__lt=ended_before, sub_agent__task__end_time__lt=ended_before)
    return rows.filter(sub_agent__task__status__in=FINAL_STATUSES).select_related("sub_agent").order_by("pk")


def prune(ended_before: datetime, *, is_trial: bool = False) -> Pruned:
    """The row goes first: a reader is told that the output is gone before it is. What a crash left is removed too."""
    found = Pruned()
    for row in candidates(ended_before).iterator(chunk_size=1000):
        size = _used(row)
        if is_trial or logs.mark_pruned(row):
            found = Pruned(found.logs + 1, found.bytes + size)
    if not is_trial:
        for row in (
            OutputLog.objects.filter(state=LogState.PRUNED).select_related("sub_agent").iterator(chunk_size=1000)
        ):
            log_files.remove(log_files.path_of(row.sub_agent, row.stream))
    return found


def _used(row: OutputLog) -> int:
    return log_files.used_bytes(log_files.path_of(row.sub_agent, row.stream))
