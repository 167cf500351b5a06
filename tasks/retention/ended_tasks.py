"""Ended tasks with all that belongs to them: attempts, allocations, history. Only where a site asked for it.

The one place that takes rows from a history of tasks: whole tasks, never single rows, and in the same transaction the
administrative history says which. Output goes before (old_output): a task that has some is left for the next sweep.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from scheduler_site.shared import append_only
from scheduler_site.shared.administrative_history import record
from tasks.models import (
    AllocatedGpu,
    Allocation,
    Dependency,
    IdempotencyKey,
    OutputLog,
    SubAgent,
    Task,
    TaskEvent,
)
from tasks.retention.policy import Policy, days_ago, older_than
from tasks.states import FINAL_STATUSES, OPEN_STATUSES, LogState

BATCH = 50

_LOGS = OutputLog.objects.filter(sub_agent__task=OuterRef("pk"))
_HAS_OUTPUT = Exists(_LOGS.filter(~Q(state=LogState.PRUNED) | Q(is_file_left=True)))
_WAITED_FOR = Exists(Dependency.objects.filter(depends_on=OuterRef("pk"), task__status__in=OPEN_STATUSES))
_MAY_RUN = Exists(Allocation.objects.filter(sub_agent__task=OuterRef("pk"), released_at=None))


def batches(policy: Policy) -> Iterator[None]:
    """One batch for each step, the oldest first; what stays is passed over."""
    ended_before = days_ago(policy.task_days)
    last: Task | None = None
    while policy.task_days and (rows := _next_after(last, ended_before)):
        remove([task.pk for task in rows], older_than(policy.task_days))
        last = rows[-1]
        yield


def _next_after(last: Task | None, ended_before: datetime) -> list[Task]:
    rows = Task.objects.filter(end_time__lt=ended_before).order_by("end_time", "pk")
    if last is not None:
        rows = rows.filter(Q(end_time__gt=last.end_time) | Q(end_time=last.end_time, pk__gt=last.pk))
    return list(rows.only("pk", "end_time")[:BATCH])


def remove(task_ids: Sequence[int], because: str) -> int:
    """Those of them that nothing needs any more, in one short transaction."""
    with append_only.lifted(TaskEvent):
        going = list(_removable(task_ids).select_for_update().values_list("pk", flat=True))
        if going:
            for rows in _belongings(going):
                rows._raw_delete(rows.db)
            record("pruned", "tasks", reason=because, count=len(going), tasks=[min(going), max(going)])
    return len(going)


def _removable(task_ids: Sequence[int]) -> QuerySet[Task]:
    """Not the one with the newest row of all histories: by its number agents see that the server is not an older copy
    of itself (tasks.commit_seq)."""
    newest = TaskEvent.objects.aggregate(newest=Max("pk"))["newest"]
    rows = Task.objects.filter(pk__in=task_ids, status__in=FINAL_STATUSES, is_unsettled=False)
    rows = rows.exclude(Exists(TaskEvent.objects.filter(pk=newest, task=OuterRef("pk"))))
    return rows.exclude(_HAS_OUTPUT).exclude(_WAITED_FOR).exclude(_MAY_RUN).order_by()


def _belongings(ids: Sequence[int]) -> list[QuerySet[Any]]:
    """Whoever refers to others comes before them."""
    mine = list(SubAgent.objects.filter(task__in=ids).order_by().values_list("pk", flat=True))
    allocations = list(Allocation.objects.filter(sub_agent__in=mine).order_by().values_list("pk", flat=True))
    return [
        AllocatedGpu.objects.filter(allocation__in=allocations).order_by(),
        Allocation.objects.filter(pk__in=allocations).order_by(),
        OutputLog.objects.filter(sub_agent__in=mine).order_by(),
        TaskEvent.objects.filter(task__in=ids).order_by(),
        IdempotencyKey.objects.filter(task__in=ids),
        Dependency.objects.filter(Q(task__in=ids) | Q(depends_on__in=ids)).order_by(),
        SubAgent.objects.filter(pk__in=mine).order_by(),
        Task.objects.filter(pk__in=ids).order_by(),
    ]
