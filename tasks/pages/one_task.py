"""One task: facts above, log below; as a page of its own or as the piece that the list's drawer shows.

The log's bytes are fetched from /api/tasks/{id}/log. Only without the bundle does the page carry the end of the log.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tasks import querysets
from tasks.host_ends.late_result import late_result_of
from tasks.models import SubAgent, Task
from tasks.output import logs
from tasks.pages.plain_log import end_of_log
from tasks.pages.shown import show_all


@login_required
@require_safe
def one_task(request: HttpRequest, task_id: int) -> HttpResponse:
    context = _context(request, task_id)
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "tasks/_task.html", context)
    if not (settings.DIST_DIR / "main.js").exists():
        context["plain_log"] = end_of_log(context["shown"].task)
    return render(request, "tasks/task.html", context)


@login_required
@require_safe
def summary(request: HttpRequest, task_id: int) -> HttpResponse:
    """The part above the log, fetched anew whenever the task changes."""
    return render(request, "tasks/_summary.html", _context(request, task_id))


def _context(request: HttpRequest, task_id: int) -> dict[str, Any]:
    task = querysets.for_details().filter(pk=task_id).first()
    if task is None:
        raise Http404(f"There is no task {task_id}.")
    every = list(querysets.sub_agents_of(task))
    attempts = [attempt for attempt in every if attempt.rank == 0]
    printed = {attempt.attempt_no for attempt in every if attempt.logs.all()}
    log = logs.find(task)
    return {
        "shown": show_all([task], request.user)[0],
        "task": task,
        "members": _members(task, every),
        "attempts": [attempt for attempt in attempts if attempt.attempt_no in printed],
        "void_attempts": [attempt for attempt in attempts if attempt.attempt_no not in printed],
        "dependants": _dependants(task),
        "events": list(task.events.order_by("-pk")[:100]),
        "log_size": log.size if log else 0,
        "late": late_result_of(task),
    }


def _members(task: Task, sub_agents: list[SubAgent]) -> list[SubAgent]:
    """The hosts of a gang's latest attempt by rank; none for a task on one host."""
    return [one for one in sub_agents if one.attempt_no == task.attempt_no] if task.node_count > 1 else []


def _dependants(task: Task) -> list[Task]:
    return list(Task.objects.filter(dependencies__depends_on=task).only("pk", "name", "status").order_by("pk")[:50])
