"""The button that runs the dependants of a task whose success was told too late. Shows nothing itself."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import DomainError
from scheduler_site.shared.page_access import submitter_required
from tasks.host_ends.late_result import run_dependants
from tasks.models import Task
from tasks.permissions import may_change


@submitter_required
@require_POST
def run(request: HttpRequest, task_id: int) -> HttpResponse:
    task = get_object_or_404(Task.objects.defer("script_content"), pk=task_id)
    if not may_change(request.user, task):
        raise PermissionDenied(f"Only whoever submitted task {task_id}, and staff, may run what depends on it.")
    try:
        copies = run_dependants(task_id, actor=Actor.user(request.user))
    except DomainError as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, f"Submitted anew: {', '.join(f'#{copy.pk}' for copy in copies)}.")
    return redirect("tasks:task", task_id)
