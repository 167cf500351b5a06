"""The piece of a task's page that says why it waits, host by host; a page of its own where no scripts run."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from agents.models import Agent
from tasks import querysets
from tasks.scheduling.explaining.outlook import Outlook
from tasks.scheduling.explaining.sentences import about
from tasks.scheduling.explaining.why import Why, why

SHOWN_HOSTS = 20
MOST_LOOKS = 50_000  # less than for who asks once: an open page asks again and again


@login_required
@require_safe
def why_it_waits(request: HttpRequest, task_id: int) -> HttpResponse:
    task = get_object_or_404(querysets.for_lists(), pk=task_id)
    name = "tasks/_why.html" if request.htmx else "tasks/why.html"  # type: ignore[attr-defined]
    return render(request, name, {"task": task, **_context(why(task, MOST_LOOKS))})


def _context(found: Why) -> dict[str, Any]:
    rows = sorted(found.hosts, key=_order)
    shown = rows[:SHOWN_HOSTS]
    ids = dict(Agent.objects.filter(name__in=[outlook.host for outlook in shown]).values_list("name", "pk"))
    return {
        "why": found,
        "rows": [{"outlook": row, "when": _when(row), "agent_id": ids.get(row.host)} for row in shown],
        "more": len(rows) - SHOWN_HOSTS if len(rows) > SHOWN_HOSTS else 0,
        "fits": _count(rows, "fits"),
        "busy": _count(rows, "is_busy"),
    }


def _order(outlook: Outlook) -> tuple[bool, bool, bool, float, str]:
    """Room now, then room soonest, then hosts that are away, then those that never will."""
    seconds = outlook.free_in_seconds
    return outlook.is_final, outlook.is_away, seconds is None, seconds or 0.0, outlook.host


def _when(outlook: Outlook) -> str:
    if outlook.fits:
        return "now"
    if outlook.is_final:
        return "never"
    if not outlook.after:
        return "unknown"
    if outlook.free_in_seconds is None:
        return f"when {outlook.after} ends"
    return f"in {about(outlook.free_in_seconds)}, when {outlook.after} ends"


def _count(rows: Sequence[Outlook], name: str) -> int:
    return sum(bool(getattr(outlook, name)) for outlook in rows)
