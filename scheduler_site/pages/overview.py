"""The overview: what runs, waits and failed, what is in use, what each host does now. Reads only."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from tasks.agent_tree import agent_tree, whole
from tasks.describe import end_sentence
from tasks.models import Task
from tasks.states import TaskStatus

RECENT_FAILURES = 10


@login_required
@require_safe
@never_cache
@vary_on_headers("HX-Request")
def overview(request: HttpRequest) -> HttpResponse:
    """The page; with HX-Request only what changes while it is open."""
    tree = agent_tree()
    context = {
        "figures": figures(tree, _task_counts(), _failed_since(timezone.now() - timedelta(hours=24))),
        "hosts": tree,
        "failures": recent_failures(),
        "has_tasks": Task.objects.exists(),
    }
    is_part = bool(getattr(request, "htmx", False))
    return render(request, "overview/_content.html" if is_part else "overview/page.html", context)


def figures(tree: list[dict[str, Any]], counts: Counter[str], failed: int) -> list[dict[str, Any]]:
    """The tiles. Only hosts that are online count as capacity."""
    online = [agent for agent in tree if agent["status"] == "online"]
    cards = [card for agent in online for card in agent["gpu_info"]]
    cores = whole(sum(agent["cpu_cores"] for agent in online))
    in_use = whole(sum(agent["cpu_cores_in_use"] for agent in online))
    return [
        _tile("Running", counts[TaskStatus.RUNNING], "/tasks/?status=running", look="running"),
        _tile("Waiting", counts[TaskStatus.WAITING], "/tasks/?status=waiting", look="waiting"),
        _tile("Blocked", counts[TaskStatus.BLOCKED], "/tasks/?status=blocked", look="blocked"),
        _tile("Failed, 24 h", failed, "/tasks/?status=failed", look="failed"),
        _tile("GPUs in use", sum(bool(card["task_ids"]) for card in cards), "/agents/", most=len(cards), look="gpu"),
        _tile("CPU cores in use", in_use, "/agents/", most=cores, look="cpu"),
    ]


def recent_failures() -> list[dict[str, Any]]:
    """The latest failed tasks with the sentence that says how each ended."""
    failed = (
        Task.objects.filter(status=TaskStatus.FAILED).defer("script_content", "result").order_by("-end_time", "-id")
    )
    return [{"task": task, "sentence": end_sentence(task)} for task in failed[:RECENT_FAILURES]]


def _tile(word: str, value: float, address: str, *, look: str, most: float | None = None) -> dict[str, Any]:
    return {"word": word, "value": value, "address": address, "most": most, "look": look}


def _task_counts() -> Counter[str]:
    rows = Task.objects.order_by().values_list("status").annotate(Count("id"))
    return Counter(dict(rows))


def _failed_since(moment: datetime) -> int:
    return Task.objects.filter(status=TaskStatus.FAILED, end_time__gte=moment).count()
