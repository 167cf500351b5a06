"""Asks before a task is held or released, then calls the verb. A page of its own, or a piece in the page's dialog."""

import json
from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import DomainError
from scheduler_site.shared.page_access import submitter_required
from tasks import lifecycle
from tasks.models import Task
from tasks.permissions import may_change


@submitter_required
@require_http_methods(["GET", "POST"])
def hold(request: HttpRequest, task_id: int) -> HttpResponse:
    return _decide(request, task_id, "hold", lifecycle.hold)


@submitter_required
@require_http_methods(["GET", "POST"])
def release(request: HttpRequest, task_id: int) -> HttpResponse:
    return _decide(request, task_id, "release", lifecycle.release)


def _decide(request: HttpRequest, task_id: int, verb: str, act: Callable[..., Task]) -> HttpResponse:
    task = get_object_or_404(Task.objects.defer("script_content"), pk=task_id)
    if not may_change(request.user, task):
        raise PermissionDenied(f"Only whoever submitted task {task_id}, and staff, may {verb} it.")
    if request.method == "GET":
        return _ask(request, task, verb)
    try:
        reason = request.POST.get("reason", "").strip()[:300]
        act(task_id, actor=Actor.user(request.user), reason=reason)
    except DomainError as error:
        return _ask(request, task, verb, error.detail, error.status)
    return _done(request, task, "is held" if verb == "hold" else "was released")


def _ask(request: HttpRequest, task: Task, verb: str, error: str = "", status: int = 200) -> HttpResponse:
    context = {"task": task, "verb": verb, "address": f"tasks:{verb}", "error": error}
    name = "tasks/_hold.html" if request.htmx else "tasks/hold.html"  # type: ignore[attr-defined]
    return render(request, name, context, status=status)


def _done(request: HttpRequest, task: Task, words: str) -> HttpResponse:
    text = f"Task #{task.pk} {task.name} {words}."
    if not request.htmx:  # type: ignore[attr-defined]
        messages.success(request, text)
        return redirect("tasks:task", task.pk)
    news = {"dialog-close": {}, "toast": {"text": text}, "task-changed": {"id": task.pk}}
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(news)})
