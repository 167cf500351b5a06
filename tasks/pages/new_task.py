"""The form of a new task. Submitting is tasks.submission's; a double click makes one task (idempotency key)."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import DomainError
from scheduler_site.shared.page_access import submitter_required
from tasks import submission
from tasks.known_types import known_types
from tasks.models import Task
from tasks.pages import prefill
from tasks.pages.form import MORE, TaskForm
from tasks.pages.placement_form import PLACEMENT
from templates_app.models import ScriptTemplate


@submitter_required
@require_http_methods(["GET", "POST"])
def new_task(request: HttpRequest) -> HttpResponse:
    sizes = prefill.gpu_sizes()
    if request.method == "GET" or "fill" in request.POST:
        initial = prefill.initial_values(request.POST if "fill" in request.POST else request.GET)
        return _show(request, TaskForm(initial=initial, gpu_sizes=sizes, user=request.user))
    form = TaskForm(request.POST, gpu_sizes=sizes, user=request.user)
    task = _submit(form, request.user) if form.is_valid() else None
    if task is None:
        return _show(request, form, status=422)
    messages.success(request, f"Task #{task.pk} {task.name} was submitted.")
    return redirect(reverse("tasks:list") + f"#task-{task.pk}")


def _submit(form: TaskForm, user: Any) -> Task | None:
    """None: refused, and the form says why."""
    key = form.cleaned_data["idempotency_key"]
    try:
        return submission.submit(form.task_fields(), actor=Actor.user(user), user=user, idempotency_key=key)
    except submission.InvalidTask as error:
        form.add_refusal(error.fields)
    except DomainError as error:
        form.add_error(None, error.detail)
    return None


def _show(request: HttpRequest, form: TaskForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "more_fields": [form[name] for name in MORE],
        "placement_fields": [form[name] for name in PLACEMENT],
        "template_types": _template_types(),
    }
    return render(request, "tasks/new.html", context, status=status)


def _template_types() -> list[str]:
    """What is offered: names of templates, and the words that tasks have used."""
    names = ScriptTemplate.objects.filter(is_archived=False).values_list("name", flat=True)
    return sorted({*names, *known_types()}, key=str.lower)[:200]
