"""Accounts in the admin: an account has a role instead of flags, groups and permissions. Only admins see them.

What a role may do is scheduler_site.shared.roles'; giving one is access.role_setting's.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from scheduler_site.access.role_setting import set_role
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import DomainError
from scheduler_site.shared.roles import Right, Role, kept_role, may, role_of

CHOICES = [(role.value, role.value) for role in Role]
HELP = (
    "viewer: looks. submitter: also submits, and changes what is his own. "
    "operator: acts on all tasks, hosts and placement. admin: also accounts, tokens and access rules."
)


def role_field() -> forms.ChoiceField:
    return forms.ChoiceField(choices=CHOICES, initial=Role.VIEWER, help_text=HELP)


class NewPersonForm(AdminUserCreationForm):  # type: ignore[type-arg]
    role = role_field()


class PersonForm(UserChangeForm):  # type: ignore[type-arg]
    role = role_field()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["role"].initial = kept_role(self.instance)


admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    """An account is closed (not active), never deleted: tasks keep the name of who submitted them."""

    form = PersonForm
    add_form = NewPersonForm
    list_display = ("username", "role", "is_active", "last_login")
    list_filter = ("is_active",)
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password", "role", "is_active")}),
        ("About", {"fields": ("first_name", "last_name", "email", "last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")
    add_fieldsets = ((None, {"fields": ("username", "usable_password", "password1", "password2", "role")}),)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request.user, Right.ADMINISTER)

    has_change_permission = has_view_permission

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Right.ADMINISTER)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "role" in form.cleaned_data:
            self._give_role(request, obj, Role(form.cleaned_data["role"]))

    def _give_role(self, request: HttpRequest, user: Any, role: Role) -> None:
        if kept_role(user) == role:
            return
        try:
            set_role(user, role, Actor.user(request.user))
        except DomainError as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)

    @admin.display(description="role")
    def role(self, user: Any) -> str:
        return role_of(user) or "closed"
