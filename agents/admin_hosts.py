"""Hosts in the admin: verbs of agents.administration; weight, labels and counted resources as operators set them.

Everything else about a host is what it said itself, and only read here.
"""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agents import administration, rotation
from agents.admin_host_words import OperatorsCapabilities, OperatorsResources, SaidCapabilities, SaidResources, keep
from agents.models import Agent, AgentEvent, Gpu
from agents.states import RETIRED, Standing
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.admin_operations import OperatedAdmin, Operation
from scheduler_site.shared.admin_parts import HistoryInline, ReadOnlyInline, column, gib, pill, plain_number

SHOWN_EVENTS = 100
MEMORY = column("memory_mib", "memory", gib)


class AgentHistory(HistoryInline):
    """The latest of it: what is shown in a form comes back with the form, and a browser may send so much only."""

    model = AgentEvent
    verbose_name_plural = f"history, the latest {SHOWN_EVENTS}"

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        agent_id = request.resolver_match.kwargs.get("object_id") if request.resolver_match else None
        latest = rows.filter(agent=agent_id).order_by("-id").values_list("pk", flat=True)[:SHOWN_EVENTS]
        return rows.filter(pk__in=list(latest))


class GpuInline(ReadOnlyInline):
    model = Gpu
    fields = ("index", "name", MEMORY, "uuid", "is_present")
    readonly_fields = fields
    verbose_name_plural = "GPUs"


OPERATIONS = (
    Operation(
        name="pause",
        label="Pause",
        meaning="It gets no new work; what runs there goes on to its end.",
        done="paused",
        act=lambda agent, actor, reason: administration.pause(agent, actor=actor, reason=reason),
        applies=lambda agent: agent.standing == Standing.ACTIVE,
    ),
    Operation(
        name="resume",
        label="Resume",
        meaning="It gets work again.",
        done="resumed",
        act=lambda agent, actor, reason: administration.resume(agent, actor=actor, reason=reason),
        applies=lambda agent: agent.standing in (Standing.PAUSED, Standing.DRAINING),
    ),
    Operation(
        name="drain",
        label="Drain",
        meaning="It gets no new work, and is paused when what runs there has ended.",
        done="draining",
        act=lambda agent, actor, reason: administration.drain(agent, actor=actor, reason=reason),
        applies=lambda agent: agent.standing in (Standing.ACTIVE, Standing.PAUSED),
    ),
    Operation(
        name="rotate-secret",
        label="New secret",
        meaning="Its main agent takes a new secret; the old one is refused once the new one was used.",
        done="to take a new secret",
        act=lambda agent, actor, reason: rotation.ask(agent, actor=actor, reason=reason),
        applies=lambda agent: agent.standing not in RETIRED,
    ),
    Operation(
        name="deactivate",
        label="Deactivate",
        meaning="The host's credential is refused. What runs there goes on and still reports; nothing new starts.",
        done="deactivated",
        act=lambda agent, actor, reason: administration.deactivate(agent, actor=actor, reason=reason),
        applies=lambda agent: agent.standing not in RETIRED,
        is_danger=True,
    ),
    Operation(
        name="reactivate",
        label="Reactivate",
        meaning="The host's credential is good again, and it gets work.",
        done="reactivated",
        act=lambda agent, actor, reason: administration.reactivate(agent, actor=actor, reason=reason),
        applies=lambda agent: agent.standing == Standing.DEACTIVATED,
    ),
)


CORES = column("cpu_cores", "CPU cores", plain_number)
DISK = column("disk_total_mib", "disk", gib)
GPU_STATE = column("gpu_state", "GPUs", str)
READING = (
    column("cpu_usage", "CPU, percent", plain_number),
    column("memory_usage", "memory, percent", plain_number),
    column("load_1m", "load, 1 min", plain_number),
    column("disk_free_mib", "disk free", gib),
)


class HostForm(forms.ModelForm):  # type: ignore[type-arg]
    weight = forms.DecimalField(
        min_value=administration.SMALLEST_WEIGHT,
        max_value=administration.LARGEST_WEIGHT,
        decimal_places=2,
        help_text="Share of work under the weighted policy, beside hosts with as many cores.",
    )

    class Meta:
        model = Agent
        fields = ("weight",)


@admin.register(Agent)
class AgentAdmin(OperatedAdmin):
    form = HostForm
    operations: Sequence[Operation] = OPERATIONS
    list_display = (
        "name",
        "shown_status",
        "shown_standing",
        CORES,
        MEMORY,
        "zone",
        "agent_version",
        "last_heartbeat_time",
    )
    list_filter = ("connectivity", "standing", "zone", "gpu_state")
    search_fields = ("name", "hostname", "zone")
    inlines = (
        OperatorsCapabilities,
        SaidCapabilities,
        OperatorsResources,
        SaidResources,
        GpuInline,
        AgentHistory,
    )
    fieldsets = (
        (None, {"fields": ("name", "id", "shown_status", "shown_standing", "accepts_work")}),
        ("Placement", {"fields": ("weight", "shown_pools", "zone", "address")}),
        ("Host", {"fields": ("hostname", "agent_version", "host_facts", "is_declared")}),
        ("Times", {"fields": ("created_time", "started_at", "last_heartbeat_time")}),
        ("Resources", {"fields": (CORES, MEMORY, DISK, GPU_STATE, "gpu_detail")}),
        ("Latest reading", {"fields": READING}),
        (
            "Session",
            {"fields": ("epoch", "boot_id", "incarnation", "machine_id", "secret_asked_at"), "classes": ("collapse",)},
        ),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """All but what operators set."""
        shown = (name for _, options in self.fieldsets for name in options["fields"])
        return tuple(name for name in shown if name != "weight")

    def save_model(self, request: HttpRequest, obj: Agent, form: Any, change: bool) -> None:
        if "weight" in form.changed_data:
            administration.weigh(obj, form.cleaned_data["weight"], actor=Actor.user(request.user))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)  # only so that the formset can say what changed; the verbs write
        keep(form.instance, formset, Actor.user(request.user))

    @admin.display(description="pools")
    def shown_pools(self, agent: Agent) -> str:
        return ", ".join(agent.pools.values_list("name", flat=True)) or "—"

    @admin.display(description="status", ordering="connectivity")
    def shown_status(self, agent: Agent) -> SafeString:
        return pill(agent.status if agent.connectivity != "suspect" else "suspect")

    @admin.display(description="standing", ordering="standing")
    def shown_standing(self, agent: Agent) -> SafeString:
        return pill(agent.standing)
