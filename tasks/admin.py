"""Tasks in the admin: to be found and read, and canceled. Never added, changed or deleted here."""

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString

from scheduler_site.shared.admin_operations import OperatedAdmin, Operation
from scheduler_site.shared.admin_parts import (
    HistoryInline,
    ReadOnlyInline,
    column,
    duration,
    gib,
    pill,
    plain_number,
    yes_no,
)
from tasks import admin_host_end, admin_pools, admin_reservations, lifecycle  # noqa: F401 (it registers what it shows)
from tasks.describe import badges, end_sentence
from tasks.models import Dependency, SubAgent, Task, TaskEvent


class TaskHistory(HistoryInline):
    model = TaskEvent


class DependencyInline(ReadOnlyInline):
    model = Dependency
    fk_name = "task"
    fields = ("depends_on", "kind", "is_satisfied")
    readonly_fields = fields
    verbose_name_plural = "depends on"


class SubAgentInline(ReadOnlyInline):
    model = SubAgent
    fields = ("attempt_no", "shown_state", "agent", "claimed_at", "started_at", "ended_at", "end_reason", "exit_code")
    readonly_fields = fields
    ordering = ("-attempt_no",)
    verbose_name_plural = "sub agents"

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).select_related("agent")

    @admin.display(description="state")
    def shown_state(self, sub_agent: SubAgent) -> SafeString:
        return pill(sub_agent.state)


def cancel_consequence(task: Task) -> str:
    if task.is_final:
        return f"is {task.status} already"
    if task.current_fence is None:
        return "has not started and never will"
    if task.cancel_requested_at is not None:
        return f"is being canceled; its processes on {task.agent_name} get KILL now"
    return f"its processes on {task.agent_name} get TERM, and KILL after {task.grace_seconds} s"


CANCEL = Operation(
    name="cancel",
    label="Cancel task",
    meaning="What depends on it and needs its success is canceled with it.",
    done="canceled or asked to stop",
    act=lambda task, actor, reason: lifecycle.cancel(
        task.pk, actor=actor, reason=reason, kill_now=task.cancel_requested_at is not None
    ),
    applies=lambda task: not task.is_final,
    consequence=cancel_consequence,
    is_danger=True,
)


DURATION = column("execution_time", "duration", duration)
SPLIT_OUTPUT = column("split_output", "stderr kept apart", yes_no)
NEEDS = (
    "priority",
    column("cpu_cores", "CPU cores", plain_number),
    column("memory_mib", "memory", gib),
    column("gpu_count", "GPUs", plain_number),
    column("gpu_memory", "memory per GPU", gib),
    column("gpu_share", "shares its GPU", yes_no),
)
PLACEMENT = (
    "gpu_types",
    column("disk_mib", "disk", gib),
    "resources",
    column("node_count", "number of hosts", plain_number),
    column("whole_host", "the whole host", yes_no),
    "hosts",
    "exclude_hosts",
    "pool",
    "requires",
    "prefers",
    "zone",
    "reservation",
    column("wait_for_host", "waits for a future host", yes_no),
)
LIMITS = (
    column("estimated_seconds", "estimate", duration),
    column("time_limit_seconds", "time limit", duration),
    column("grace_seconds", "between TERM and KILL", duration),
    "retries",
    "on_host_loss",
    "deadline_at",
)


@admin.register(Task)
class TaskAdmin(OperatedAdmin):
    operations = (CANCEL,)
    list_display = (
        "id",
        "name",
        "shown_status",
        "priority",
        "template_type",
        "agent_name",
        "submitted_by",
        "created_time",
        DURATION,
    )
    list_display_links = ("id", "name")
    list_filter = ("status", "priority", "agent_name", "template_type", "created_time")
    list_select_related = ("submitted_by",)
    search_fields = ("=id", "name", "description", "script_content")
    inlines = (DependencyInline, SubAgentInline, TaskHistory)
    fieldsets = (
        (None, {"fields": ("id", "name", "description", "shown_status", "shown_end", "submitted_by")}),
        ("Script", {"fields": ("script_content", "template_type", "template_version")}),
        ("Needs", {"fields": NEEDS}),
        ("Placement", {"fields": PLACEMENT}),
        ("Limits", {"fields": LIMITS}),
        ("Surroundings", {"fields": ("working_directory", "environment", SPLIT_OUTPUT, "metadata")}),
        ("Where and when", {"fields": ("agent_name", "created_time", "start_time", "end_time", DURATION)}),
        ("Outcome", {"fields": ("end_reason", "exit_code", "exit_signal", "retries_used", "result")}),
    )

    readonly_fields = (
        *NEEDS[1:],
        *(shown for shown in PLACEMENT if callable(shown)),
        *LIMITS[:3],
        SPLIT_OUTPUT,
        DURATION,
    )

    def get_queryset(self, request: Any) -> Any:
        tasks = super().get_queryset(request)
        is_list = request.resolver_match is not None and request.resolver_match.url_name.endswith("_changelist")
        return tasks.defer("script_content", "result", "environment", "metadata") if is_list else tasks

    @admin.display(description="status", ordering="status")
    def shown_status(self, task: Task) -> SafeString:
        return pill(task.status)

    @admin.display(description="how it ended")
    def shown_end(self, task: Task) -> str:
        return end_sentence(task) or ", ".join(badges(task)) or "—"
