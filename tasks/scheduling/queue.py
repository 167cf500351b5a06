"""Load the waiting tasks as values, in the order in which they should start. Changes nothing."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet

from tasks.models import Task
from tasks.scheduling.order import QueueEntry, sort_key
from tasks.scheduling.values import Request
from tasks.states import TaskStatus

_COLUMNS = ("id", "priority", "waiting_since", "cpu_cores", "memory_mib", "gpu_count", "gpu_memory", "gpu_share")


def waiting_tasks(now: datetime) -> QuerySet[Task]:
    """Tasks that may be placed at `now`."""
    due = Q(not_before__isnull=True) | Q(not_before__lte=now)
    return Task.objects.filter(due, status=TaskStatus.WAITING, current_fence__isnull=True)


def load(now: datetime) -> list[Request]:
    rows = list(waiting_tasks(now).values_list(*_COLUMNS))
    rows.sort(key=lambda row: sort_key(QueueEntry(row[0], row[1], row[2] or now), now))
    return [_request(row[0], *row[3:]) for row in rows]


def request_of(task: Task) -> Request:
    return _request(task.pk, task.cpu_cores, task.memory_mib, task.gpu_count, task.gpu_memory, task.gpu_share)


def _request(
    task_id: int, cores: Decimal, memory: int | None, gpus: int, gpu_memory: int | None, share: Any
) -> Request:
    return Request(task_id, int(cores * 100), memory or 0, gpus, gpu_memory or 0, bool(share))
