"""Tasks in the admin: to be found and read, and canceled. Never added, changed or deleted here."""

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString

from scheduler_site.shared.admin_operations import OperatedAdmin, Operation
from scheduler_site.shared.admin_parts import HistoryInline, ReadOnlyInline, pill
from tasks import lifecycle
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
    return f"its processes on {task.agent_name} get TERM, and KILL after {task.grace_seconds} s"


CANCEL = Operation(
    name="cancel",
    label="Cancel task",
    meaning="What depends on it and needs its success is canceled with it.",
    done="canceled or asked to stop",
    act=lambda task, actor, reason: lifecycle.cancel(task.pk, actor=actor, reason=reason),
    applies=lambda task: not task.is_final,
    consequence=cancel_consequence,
    is_danger=True,
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
        "duration",
    )
    list_display_links = ("id", "name")
    list_filter = ("status", "priority", "agent_name", "template_type", "created_time")
    list_select_related = ("submitted_by",)
    search_fields = ("=id", "name", "description", "script_content")
    inlines = (DependencyInline, SubAgentInline, TaskHistory)
    fieldsets = (
        (None, {"fields": ("id", "name", "description", "shown_status", "shown_end", "submitted_by")}),
        ("Script", {"fields": ("script_content", "template_type", "template_version")}),
        ("Needs", {"fields": ("priority", "cpu_cores", "memory_mib", "gpu_count", "gpu_memory", "gpu_share")}),
        ("Limits", {"fields": ("estimated_seconds", "time_limit_seconds", "grace_seconds", "retries", "deadline_at")}),
        ("Surroundings", {"fields": ("working_directory", "environment", "split_output", "metadata")}),
        ("Where and when", {"fields": ("agent_name", "created_time", "start_time", "end_time", "duration")}),
        ("Outcome", {"fields": ("end_reason", "exit_code", "exit_signal", "retries_used", "result")}),
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

    @admin.display(description="duration", ordering="execution_time")
    def duration(self, task: Task) -> str:
        return "—" if task.execution_time is None else duration_text(task.execution_time)


def duration_text(seconds: float) -> str:
    """3725 as `1 h 02 m 05 s`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} m {rest:02d} s"
    return f"{minutes} m {rest:02d} s" if minutes else f"{rest} s"
