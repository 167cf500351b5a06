"""Asks before a task is canceled, then calls the verb. A page of its own, or a piece in the page's dialog."""

import json

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import DomainError
from scheduler_site.shared.page_access import submitter_required
from tasks import lifecycle, querysets
from tasks.models import Task
from tasks.permissions import may_change
from tasks.states import DependencyKind


@submitter_required
@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, task_id: int) -> HttpResponse:
    task = get_object_or_404(querysets.for_lists(), pk=task_id)
    if not may_change(request.user, task):
        raise PermissionDenied(f"Only whoever submitted task {task_id}, and staff, may cancel it.")
    if request.method == "GET":
        return _ask(request, task)
    try:
        lifecycle.cancel(
            task_id,
            actor=Actor.user(request.user),
            reason=request.POST.get("reason", "").strip()[:300],
            kill_now="kill_now" in request.POST,
            force="force" in request.POST,
        )
    except DomainError as error:
        return _ask(request, task, error.detail, error.status)
    return _done(request, task)


def _ask(request: HttpRequest, task: Task, error: str = "", status: int = 200) -> HttpResponse:
    context = {
        "task": task,
        "error": error,
        "dependants": _canceled_too(task),
        "is_away": _is_away(task),
        "is_canceling": task.cancel_requested_at is not None and not task.is_final,
    }
    name = "tasks/_cancel.html" if request.htmx else "tasks/cancel.html"  # type: ignore[attr-defined]
    return render(request, name, context, status=status)


def _is_away(task: Task) -> bool:
    """Whether its host is not heard, so that it can only be canceled by force at once."""
    sub_agent = task.latest_sub_agent
    return not task.is_final and sub_agent is not None and sub_agent.is_live and sub_agent.unreachable_since is not None


def _canceled_too(task: Task) -> list[Task]:
    """The tasks that can never start once this one is canceled."""
    return list(
        Task.objects.filter(dependencies__depends_on=task, dependencies__kind=DependencyKind.AFTEROK, status="blocked")
        .only("pk", "name")
        .order_by("pk")[:20]
    )


def _done(request: HttpRequest, task: Task) -> HttpResponse:
    after = Task.objects.only("status", "cancel_requested_at").get(pk=task.pk)
    words = "was canceled" if after.is_final else "is being canceled"
    text = f"Task #{task.pk} {task.name} {words}."
    if not request.htmx:  # type: ignore[attr-defined]
        messages.success(request, text)
        return redirect("tasks:task", task.pk)
    news = {"dialog-close": {}, "toast": {"text": text}, "task-changed": {"id": task.pk}}
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(news)})
