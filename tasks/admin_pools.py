"""Pools in the admin. Here and not in agents, because what is free and who waits for a pool is known to tasks.

Writes through agents.pools and tasks.pools only.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import FilteredSelectMultiple
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from agents.models import Agent, Pool
from agents.pool_form import PoolForm
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.admin_parts import ModelAdmin, gib
from scheduler_site.shared.errors import DomainError
from tasks import pool_sums, pools
from tasks.pool_sums import Sums
from tasks.scheduling.wording import cores


def with_sums(found: list[Pool]) -> list[Any]:
    """The hosts are loaded once, however many pools are shown."""
    sums = pool_sums.by_pool(found)
    for pool in found:
        pool.sums = sums[pool.name]  # type: ignore[attr-defined]
    return found


class PoolList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = with_sums(list(self.result_list))


def shown(name: str, label: str, text: Callable[[Sums], object]) -> Any:
    """A column made from a pool's sums."""

    @admin.display(description=label)
    def column(pool: Any) -> object:
        return text(pool.sums)

    column.__name__ = name
    return column


SHOWN_SUMS = (
    shown("hosts", "hosts, of them ready", lambda sums: f"{sums.hosts}, {sums.hosts_ready}"),
    shown("cores", "CPU cores free", lambda sums: f"{cores(sums.free_centicores)} of {cores(sums.centicores)}"),
    shown("memory", "memory free", lambda sums: f"{gib(sums.free_memory_mib)} of {gib(sums.memory_mib)}"),
    shown("gpus", "GPUs free", lambda sums: sums.cards_text or "—"),
    shown(
        "gpu_memory", "GPU memory free", lambda sums: f"{gib(sums.free_gpu_memory_mib)} of {gib(sums.gpu_memory_mib)}"
    ),
)


class AdminPoolForm(PoolForm):
    agents = forms.ModelMultipleChoiceField(
        Agent.objects.order_by("name"),
        required=False,
        label="Hosts",
        widget=FilteredSelectMultiple("hosts", is_stacked=False),
    )


@admin.register(Pool)
class PoolAdmin(ModelAdmin):
    form = AdminPoolForm
    list_display = ("name", "description", "policy", *SHOWN_SUMS)
    list_filter = ("policy",)
    search_fields = ("name", "description", "agents__name")
    actions = None

    def get_fieldsets(self, request: HttpRequest, obj: Pool | None = None) -> Any:
        if obj is None:
            return [(None, {"fields": ("name", "description", "policy", "agents")})]
        return [
            (None, {"fields": ("name", "description", "policy", "agents")}),
            ("What its hosts hold", {"fields": SHOWN_SUMS}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Pool | None = None) -> Any:
        return ("name", *SHOWN_SUMS) if obj else SHOWN_SUMS

    def get_changelist(self, request: HttpRequest, **options: Any) -> Any:
        return PoolList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Pool | None:
        pool = super().get_object(request, object_id, from_field)
        return with_sums([pool])[0] if pool else None

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.store(Actor.user(request.user))

    def save_model(self, request: HttpRequest, obj: Pool, form: Any, change: bool) -> None:
        """`save_form` has stored it, members and all."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """See save_model."""

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except DomainError as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:agents_pool_change", args=[object_id]))

    def delete_model(self, request: HttpRequest, obj: Pool) -> None:
        pools.delete(obj, actor=Actor.user(request.user))
