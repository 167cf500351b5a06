"""Verbs in the admin: an action on selected rows and a button on a row's page, asked for before it is done.

Who refuses is the domain: its sentence is shown for each refused row, the other rows go on. Knows no model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.admin_parts import ReadOnlyAdmin
from scheduler_site.shared.errors import DomainError

Act = Callable[[Any, Actor, str], object]
MOST_ROWS = 500


@dataclass(frozen=True)
class Operation:
    """One verb. `act(row, actor, reason)` does it; `applies(row)` says whether its button is offered."""

    name: str
    label: str
    meaning: str
    done: str
    act: Act
    applies: Callable[[Any], bool]
    consequence: Callable[[Any], str] = lambda row: ""
    is_danger: bool = False


class OperatedAdmin(ReadOnlyAdmin):
    operations: Sequence[Operation] = ()
    change_form_template = "admin/operated_change_form.html"

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        if self.has_operate_permission(request):
            for operation in self.operations:
                actions[operation.name] = (self._action(operation), operation.name, f"{operation.label} …")
        return actions

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<path:object_id>/{operation.name}/",
                self.admin_site.admin_view(self._page(operation)),
                name=self._url_name(operation),
            )
            for operation in self.operations
        ]
        return own + super().get_urls()

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **options: Any) -> HttpResponse:
        row = options.get("obj")
        offered = [
            {"label": operation.label, "url": self._url(operation, row), "is_danger": operation.is_danger}
            for operation in self.operations
            if row is not None and self.has_operate_permission(request) and operation.applies(row)
        ]
        return super().render_change_form(request, {**context, "operations": offered}, *args, **options)

    def _action(self, operation: Operation) -> Callable[..., HttpResponse | None]:
        def run(model_admin: "OperatedAdmin", request: HttpRequest, queryset: Any) -> HttpResponse | None:
            rows = list(queryset[: MOST_ROWS + 1])
            if len(rows) > MOST_ROWS:
                model_admin.message_user(request, f"Select at most {MOST_ROWS} at once.", messages.ERROR)
                return None
            if "confirmed" not in request.POST:
                return model_admin._ask(request, operation, rows, self._list_url())
            model_admin._do(request, operation, rows)
            return None

        return run

    def _page(self, operation: Operation) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            if not self.has_operate_permission(request):
                raise PermissionDenied
            row = self.get_object(request, unquote(object_id))
            if row is None:
                raise Http404(f"There is no {self.opts.verbose_name} {object_id}.")
            back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
            if request.method != "POST":
                return self._ask(request, operation, [row], back)
            self._do(request, operation, [row])
            return HttpResponseRedirect(back)

        return view

    def _ask(self, request: HttpRequest, operation: Operation, rows: list[Any], back: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"{operation.label}?",
            "opts": self.opts,
            "operation": operation,
            "rows": [(row, operation.consequence(row)) for row in rows],
            "back": back,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/confirm_operation.html", context)

    def _do(self, request: HttpRequest, operation: Operation, rows: list[Any]) -> None:
        actor, reason, done = Actor.user(request.user), request.POST.get("reason", "").strip(), 0
        for row in rows:
            try:
                operation.act(row, actor, reason)
            except DomainError as refusal:
                self.message_user(request, refusal.detail, messages.ERROR)
                continue
            self.log_change(request, row, operation.label)
            done += 1
        if done:
            noun = self.opts.verbose_name if done == 1 else self.opts.verbose_name_plural
            self.message_user(request, f"{done} {noun} {operation.done}.", messages.SUCCESS)

    def _url_name(self, operation: Operation) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{operation.name}"

    def _url(self, operation: Operation, row: Any) -> str:
        return reverse(f"admin:{self._url_name(operation)}", args=[row.pk])

    def _list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
