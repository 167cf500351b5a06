"""API tokens in the admin, and the admin's titles. Sign-in links and leases are nobody's to edit."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from scheduler_site import admin_people  # noqa: F401 (registers accounts)
from scheduler_site.access.tokens import create_token, revoke_token
from scheduler_site.models import AdministrativeEvent, ApiToken
from scheduler_site.shared.admin_parts import ReadOnlyAdmin
from scheduler_site.shared.admin_secrets import SecretOnceAdmin

admin.site.site_header = "Nightshift"
admin.site.site_title = "Nightshift"
admin.site.index_title = "Administration"


@admin.register(AdministrativeEvent)
class AdministrativeEventAdmin(ReadOnlyAdmin):
    """Accounts, sign-ins, tokens and templates: who did what from where, newest first."""

    list_display = ("at", "verb", "subject", "actor_name", "address", "detail")
    list_filter = ("verb", "actor_name")
    search_fields = ("subject", "actor_name")
    ordering = ("-id",)


class ApiTokenForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ApiToken
        fields = ("user", "label")


@admin.register(ApiToken)
class ApiTokenAdmin(SecretOnceAdmin):
    """Revoked, never deleted: the row says who had it and when it was last used."""

    add_form = ApiTokenForm
    list_display = ("label", "user", "created_at", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    list_filter = ("user",)
    search_fields = ("label", "user__username")
    fields = ("label", "user", "created_at", "last_used_at", "revoked_at")
    actions = ("revoke",)
    page_title = "API token"
    page_help = "Sent as “Authorization: Bearer TOKEN”, or given to the command line: nightshift login URL"

    def make_secret(self, request: HttpRequest, form: Any) -> tuple[Any, str]:
        """A token opens all that its user may do, so only a superuser makes one for somebody else."""
        if form.cleaned_data["user"] != request.user and not request.user.is_superuser:
            raise PermissionDenied("Only a superuser may make a token for another user.")
        return create_token(form.cleaned_data["user"], form.cleaned_data["label"])

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"user": request.user.pk, **super().get_changeform_initial_data(request)}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("scheduler_site.change_apitoken"))

    @admin.action(description="Revoke the selected tokens", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        rows = list(queryset.filter(revoked_at=None))
        for row in rows:
            revoke_token(row)
            self.log_change(request, row, "Revoked")
        self.message_user(request, f"{len(rows)} API token{'' if len(rows) == 1 else 's'} revoked.")
