"""What the dependencies being typed are, asked by the form meanwhile. Checks like the submission, stores nothing."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tasks.models import Task
from tasks.pages import dependency_text
from tasks.states import dependency_verdict

MOST = 200


@login_required
@require_safe
def check(request: HttpRequest) -> HttpResponse:
    """Each task with its status; unknown ids and dependencies that can never be met as errors."""
    try:
        typed = dependency_text.parse(request.GET.get("depends_on", ""))[:MOST]
    except ValueError as error:
        return render(request, "tasks/_dependencies.html", {"errors": [str(error)]})
    known = Task.objects.only("pk", "name", "status").in_bulk([one.task_id for one in typed])
    pairs = [(one, known[one.task_id]) for one in typed if one.task_id in known]
    errors = [f"There is no task {one.task_id}." for one in typed if one.task_id not in known]
    errors += [
        f"Task {task.pk} is {task.status}: “{one.kind}” can never be met."
        for one, task in pairs
        if dependency_verdict(one.kind, task.status) is False
    ]
    return render(request, "tasks/_dependencies.html", {"pairs": pairs, "errors": errors})
