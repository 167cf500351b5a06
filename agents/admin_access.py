"""Access rules in the admin: added and removed, never edited, so that the history says all. Admins only."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from agents import access_rules
from agents.models import AccessRule
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.admin_parts import ModelAdmin
from scheduler_site.shared.errors import DomainError


@admin.register(AccessRule)
class AccessRuleAdmin(ModelAdmin):
    list_display = ("network", "verdict", "audience", "note", "created_at")
    list_filter = ("verdict", "audience")
    fields = ("network", "verdict", "audience", "note")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj)

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **options)
        except DomainError as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
            return HttpResponseRedirect(request.path)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return access_rules.add(**form.cleaned_data, actor=Actor.user(request.user))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """`save_form` has stored it."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """There is nothing related."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        access_rules.remove(obj, actor=Actor.user(request.user))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            self.delete_model(request, row)
