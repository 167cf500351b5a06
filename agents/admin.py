"""Hosts and enrolment tokens in the admin. Writes through agents.administration and agents.enrolment only."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agents import administration, enrolment
from agents.models import Agent, AgentEvent, EnrolmentToken, Gpu
from agents.states import Standing
from scheduler_site.shared.admin_operations import OperatedAdmin, Operation
from scheduler_site.shared.admin_parts import HistoryInline, ReadOnlyInline, column, gib, pill, plain_number
from scheduler_site.shared.admin_secrets import SecretOnceAdmin

MEMORY = column("memory_mib", "memory", gib)


class AgentHistory(HistoryInline):
    model = AgentEvent


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
        applies=lambda agent: agent.standing == Standing.PAUSED,
    ),
    Operation(
        name="deactivate",
        label="Deactivate",
        meaning="The host's credential is refused. What runs there goes on and still reports; nothing new starts.",
        done="deactivated",
        act=lambda agent, actor, reason: administration.deactivate(agent, actor=actor, reason=reason),
        applies=lambda agent: agent.standing != Standing.DEACTIVATED,
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


@admin.register(Agent)
class AgentAdmin(OperatedAdmin):
    operations = OPERATIONS
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
    inlines = (GpuInline, AgentHistory)
    readonly_fields = (CORES, MEMORY, DISK, GPU_STATE, *READING)
    fieldsets = (
        (None, {"fields": ("name", "id", "shown_status", "shown_standing", "accepts_work")}),
        ("Host", {"fields": ("hostname", "zone", "agent_version", "host_facts", "is_declared")}),
        ("Times", {"fields": ("created_time", "started_at", "last_heartbeat_time")}),
        ("Resources", {"fields": (CORES, MEMORY, DISK, GPU_STATE, "gpu_detail")}),
        ("Latest reading", {"fields": READING}),
        ("Session", {"fields": ("epoch", "boot_id", "incarnation", "machine_id"), "classes": ("collapse",)}),
    )

    @admin.display(description="status", ordering="connectivity")
    def shown_status(self, agent: Agent) -> SafeString:
        return pill(agent.status if agent.connectivity != "suspect" else "suspect")

    @admin.display(description="standing", ordering="standing")
    def shown_standing(self, agent: Agent) -> SafeString:
        return pill(agent.standing)


class EnrolmentTokenForm(forms.ModelForm):  # type: ignore[type-arg]
    uses = forms.IntegerField(min_value=1, max_value=1000, initial=1, help_text="How many hosts may register with it.")
    hours = forms.FloatField(min_value=0.1, max_value=24 * 365, initial=24, help_text="Hours until it expires.")

    class Meta:
        model = EnrolmentToken
        fields = ("label",)


@admin.register(EnrolmentToken)
class EnrolmentTokenAdmin(SecretOnceAdmin):
    add_form = EnrolmentTokenForm
    list_display = ("label", "uses_left", "expires_at", "created_by", "created_at")
    list_select_related = ("created_by",)
    search_fields = ("label",)
    fields = ("label", "uses_left", "expires_at", "created_by", "created_at")
    page_title = "Enrolment token"
    page_help = (
        "Write it to a file that only you can read, then start a main agent on the host: "
        "nightshift agent --server URL --token-file FILE"
    )

    def make_secret(self, request: HttpRequest, form: Any) -> tuple[Any, str]:
        data = form.cleaned_data
        return enrolment.create_token(data["label"], user=request.user, uses=data["uses"], hours=data["hours"])
