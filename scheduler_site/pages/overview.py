"""The overview: what runs, waits and failed, what is in use, what each host does now. Reads only."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from tasks.agent_tree import agent_tree
from tasks.describe import end_sentence
from tasks.models import Task
from tasks.overview import figures
from tasks.states import TaskStatus

RECENT_FAILURES = 10


@login_required
@require_safe
@never_cache
@vary_on_headers("HX-Request")
def overview(request: HttpRequest) -> HttpResponse:
    """The page; with HX-Request only what changes while it is open."""
    found = figures()
    context = {
        "figures": tiles(found),
        "alarms": found["alarms"],
        "hosts": agent_tree(),
        "failures": recent_failures(),
        "has_tasks": Task.objects.exists(),
    }
    is_part = bool(getattr(request, "htmx", False))
    return render(request, "overview/_content.html" if is_part else "overview/page.html", context)


def tiles(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """What stands in the boxes on top; each leads to the list it counts."""
    tasks, cards, cores = figures["tasks"], figures["gpus"], figures["cpu_cores"]
    return [
        _tile("Running", tasks[TaskStatus.RUNNING], "/tasks/?status=running", look="running"),
        _tile("Waiting", tasks[TaskStatus.WAITING], "/tasks/?status=waiting", look="waiting"),
        _tile("Blocked", tasks[TaskStatus.BLOCKED], "/tasks/?status=blocked", look="blocked"),
        _tile("Failed, 24 h", figures["failed_24h"], "/tasks/?status=failed", look="failed"),
        _tile("GPUs in use", cards["in_use"], "/agents/", most=cards["total"], look="gpu"),
        _tile("CPU cores in use", cores["in_use"], "/agents/", most=cores["total"], look="cpu"),
    ]


def recent_failures() -> list[dict[str, Any]]:
    """The latest failed tasks with the sentence that says how each ended."""
    failed = (
        Task.objects.filter(status=TaskStatus.FAILED).defer("script_content", "result").order_by("-end_time", "-id")
    )
    return [{"task": task, "sentence": end_sentence(task)} for task in failed[:RECENT_FAILURES]]


def _tile(word: str, value: float, address: str, *, look: str, most: float | None = None) -> dict[str, Any]:
    return {"word": word, "value": value, "address": address, "most": most, "look": look}
