"""The pages of script templates: list, one template with its versions, form to add and to edit.

Saving is templates_app.editing's, through the form. Tasks are counted, never touched.
"""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from scheduler_site.shared.page_access import submitter_required
from templates_app import examples
from templates_app.forms import TemplateForm
from templates_app.models import ScriptTemplate
from templates_app.permissions import may_change
from templates_app.querysets import for_list


@login_required
@require_safe
def template_list(request: HttpRequest) -> HttpResponse:
    show_archived = "archived" in request.GET
    templates = list(for_list() if show_archived else for_list().filter(is_archived=False))
    context = {
        "templates": templates,
        "show_archived": show_archived,
        "archived_count": ScriptTemplate.objects.filter(is_archived=True).count(),
        "examples": [] if templates else examples.EXAMPLES,
    }
    return render(request, "templates_app/list.html", context)


@login_required
@require_safe
def template_page(request: HttpRequest, template_id: int) -> HttpResponse:
    """One version is shown whole: the current one, or that of `?version=`."""
    template = get_object_or_404(for_list(), pk=template_id)
    versions = list(template.versions.select_related("created_by").order_by("-number"))
    shown = next((version for version in versions if str(version.number) == request.GET.get("version")), versions[0])
    context = {
        "template": template,
        "versions": versions,
        "version": shown,
        "can_change": may_change(request.user, template),
    }
    return render(request, "templates_app/detail.html", context)


@submitter_required
@require_http_methods(["GET", "POST"])
def new_template(request: HttpRequest) -> HttpResponse:
    return _edited(request, ScriptTemplate())


@submitter_required
@require_http_methods(["GET", "POST"])
def edit_template(request: HttpRequest, template_id: int) -> HttpResponse:
    template = get_object_or_404(ScriptTemplate.objects.select_related("current_version"), pk=template_id)
    if not may_change(request.user, template):
        raise PermissionDenied(f"Only whoever made template {template_id}, and staff, may change it.")
    return _edited(request, template)


@submitter_required
@require_POST
def add_examples(request: HttpRequest) -> HttpResponse:
    """Only while there is no template at all: the button is not meant to mix them into somebody's own."""
    if ScriptTemplate.objects.exists():
        messages.error(request, "There are templates already; the examples were not added.")
    else:
        made = examples.create_all(request.user)
        messages.success(request, f"{len(made)} example templates were added.")
    return redirect("templates:list")


def _edited(request: HttpRequest, template: ScriptTemplate) -> HttpResponse:
    """The form; saved, the template's own page. Wrong values: the form again, with 422."""
    is_new, name = template.pk is None, template.name
    form = TemplateForm(request.POST or None, instance=template)
    if request.method == "POST" and form.is_valid():
        stored = form.store(request.user)
        if stored is not None:
            messages.success(request, _news(stored, is_new))
            return redirect("templates:one", stored.pk)
    context: dict[str, Any] = {"form": form, "is_new": is_new, "name": name, "template": template}
    return render(request, "templates_app/form.html", context, status=422 if form.is_bound else 200)


def _news(template: ScriptTemplate, is_new: bool) -> str:
    number = template.current_version.number if template.current_version else 0
    return f"Template {template.name} was {'added' if is_new else 'saved'}; its current version is {number}."
