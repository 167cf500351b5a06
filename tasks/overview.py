"""Figures for the overview: how many tasks are where, and how much of the hosts is in use. Reads only."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from agents import alarms
from agents.models import Agent, Gpu
from agents.states import RETIRED, Connectivity
from tasks.models import AllocatedGpu, Allocation, Task
from tasks.states import TaskStatus

RECENT = timedelta(hours=24)


def figures() -> dict[str, Any]:
    """Hosts that are offline or deactivated count neither in totals nor in use: nothing of them can be had now."""
    usable = _usable_hosts()
    return {
        "tasks": _tasks_by_status(),
        "failed_24h": Task.objects.filter(status=TaskStatus.FAILED, end_time__gte=timezone.now() - RECENT).count(),
        "gpus": {
            "in_use": AllocatedGpu.objects.filter(
                released_at__isnull=True, gpu__agent__in=usable, gpu__is_present=True
            ).aggregate(count=Count("gpu", distinct=True))["count"],
            "total": Gpu.objects.filter(is_present=True, agent__in=usable).count(),
        },
        "cpu_cores": {
            "in_use": _sum(Allocation.objects.filter(released_at__isnull=True, agent__in=usable)),
            "total": _sum(usable),
        },
        "agents": _agents_by_status(),
        "alarms": alarms.sentences(),
    }


def _usable_hosts() -> QuerySet[Agent]:
    return Agent.objects.exclude(connectivity=Connectivity.UNREACHABLE).exclude(standing__in=RETIRED)


def _tasks_by_status() -> dict[str, int]:
    found = dict(Task.objects.order_by().values_list("status").annotate(count=Count("id")))
    return {status: found.get(status, 0) for status in TaskStatus.values}


def _agents_by_status() -> dict[str, int]:
    offline = Q(connectivity=Connectivity.UNREACHABLE)
    return Agent.objects.order_by().aggregate(online=Count("pk", filter=~offline), offline=Count("pk", filter=offline))


def _sum(rows: QuerySet[Any]) -> int | float:
    number = float(rows.order_by().aggregate(cores=Sum("cpu_cores"))["cores"] or 0)
    return int(number) if number.is_integer() else number
