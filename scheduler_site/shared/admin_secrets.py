"""Admin of rows that stand for a secret: made through the domain's verb, its plain text shown on one page, once.

Only the hash is stored, so no other page can show it. Deleting a row revokes the secret.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from scheduler_site.shared.admin_parts import ModelAdmin


class SecretOnceAdmin(ModelAdmin):
    """A subclass names `add_form` and makes row and secret in `make_secret`."""

    show_full_result_count = False
    add_form: type[Any]
    page_title = ""
    page_help = ""

    def make_secret(self, request: HttpRequest, form: Any) -> tuple[Any, str]:
        raise NotImplementedError

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return self.add_form if obj is None else super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": list(self.add_form.base_fields)})]
        return super().get_fieldsets(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) or super().has_change_permission(request, obj)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        row, form.plain_secret = self.make_secret(request, form)
        return row

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """`make_secret` has stored the row already."""
        request.plain_secret = form.plain_secret  # type: ignore[attr-defined]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """There is nothing related, and the form is not bound to the stored row."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": self.page_title,
            "opts": self.opts,
            "row": obj,
            "secret": request.plain_secret,  # type: ignore[attr-defined]
            "page_help": self.page_help,
            "back": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"),
        }
        return TemplateResponse(request, "admin/secret_once.html", context, headers={"Cache-Control": "no-store"})
