"""Parts that every app's admin is made of: rows that are only looked at, history below them, status pills.

Changes nothing. Verbs on rows are in admin_operations.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:  # Django's own classes take no type parameters at run time
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline

LOOKS = {
    "pending": "waiting",
    "expired": "canceled",
    "released": "canceled",
    "active": "online",
    "suspect": "blocked",
    "unreachable": "offline",
    "paused": "blocked",
    "deactivated": "canceled",
    "assigned": "waiting",
    "starting": "waiting",
    "succeeded": "completed",
    "timed_out": "failed",
    "lost": "failed",
    "revoked": "canceled",
    "rejected": "canceled",
    "not_started": "canceled",
}


def pill(word: str) -> SafeString:
    """A status as colour, icon and word. Words without a look of their own borrow one."""
    look = LOOKS.get(word, word)
    return format_html(
        '<span class="pill st-{}"><span class="icon i-{}" aria-hidden="true"></span>{}</span>',
        look,
        look,
        word.replace("_", " "),
    )


def column(name: str, label: str, text: Callable[[Any], object]) -> Any:
    """A column under our words instead of its field's name; `text` makes what is shown, None is a dash.

    It is a callable, which Django takes wherever it takes a name; its type stubs know of fewer places.
    """

    @admin.display(description=label, ordering=name)
    def shown(row: Any) -> object:
        value = getattr(row, name)
        return "—" if value is None else text(value)

    shown.__name__ = f"shown_{name}"
    return shown


def plain_number(value: Any) -> str:
    """Whole numbers stay whole: 2, 0.5."""
    return f"{float(value):.2f}".rstrip("0").rstrip(".")


def gib(mib: float) -> str:
    return f"{mib / 1024:.1f}".removesuffix(".0") + " GiB"


def yes_no(value: Any) -> str:
    return "yes" if value else "no"


def duration(seconds: float) -> str:
    """3725 as `1 h 02 m 05 s`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} m {rest:02d} s"
    return f"{minutes} m {rest:02d} s" if minutes else f"{rest} s"


class ReadOnlyAdmin(ModelAdmin):
    """Rows that only the domain's verbs write: to be found, filtered and read here."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_view_permission(request, obj) or self.has_operate_permission(request)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who holds the model's change permission may use its verbs."""
        options = self.opts
        return bool(request.user.has_perm(f"{options.app_label}.change_{options.model_name}"))


class ReadOnlyInline(TabularInline):
    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True


class HistoryInline(ReadOnlyInline):
    """The history rows of an aggregate, newest first."""

    fields = ("at", "verb", "change", "actor", "reason")
    readonly_fields = fields
    ordering = ("-id",)
    verbose_name_plural = "history"
    classes = ("history",)

    @admin.display(description="change")
    def change(self, row: Any) -> str:
        if row.from_state == row.to_state:
            return ""
        return f"{row.from_state} → {row.to_state}" if row.from_state else row.to_state

    @admin.display(description="by")
    def actor(self, row: Any) -> str:
        return f"{row.actor_name} ({row.actor_kind})" if row.actor_kind != "user" else str(row.actor_name)
