"""Shapes in which people get tasks, their attempts and their history. Read only; nothing is loaded row by row."""

import threading
from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from scheduler_site.shared import statements
from scheduler_site.shared.strict_fields import Cores
from tasks import describe, querysets
from tasks.models import Dependency, OutputLog, SubAgent, Task, TaskEvent
from tasks.output import log_files
from tasks.scheduling.explaining import recent
from tasks.scheduling.explaining.explain import waiting_sentences
from tasks.states import DependencyKind, EndReason, FailureClass, LogState, SubAgentState, TaskStatus


class DependencyReply(serializers.ModelSerializer[Dependency]):
    id = serializers.IntegerField(source="depends_on_id", read_only=True)
    kind = serializers.ChoiceField(choices=DependencyKind.choices, read_only=True)
    status = serializers.ChoiceField(source="depends_on.status", choices=TaskStatus.choices, read_only=True)
    name = serializers.CharField(source="depends_on.name", read_only=True)

    class Meta:
        model = Dependency
        fields = ["id", "kind", "status", "name"]
        read_only_fields = fields


ROW_FIELDS = [
    "id",
    "name",
    "description",
    "template_type",
    "template_version",
    "priority",
    "status",
    "badges",
    "depends_on",
    "created_time",
    "start_time",
    "end_time",
    "execution_time",
    "environment",
    "working_directory",
    "split_output",
    "metadata",
    "cpu_cores",
    "memory_mib",
    "gpu_count",
    "gpu_memory",
    "gpu_share",
    "gpu_types",
    "disk_mib",
    "resources",
    "node_count",
    "whole_host",
    "hosts",
    "exclude_hosts",
    "pool",
    "requires",
    "prefers",
    "zone",
    "reservation",
    "wait_for_host",
    "estimated_seconds",
    "time_limit_seconds",
    "grace_seconds",
    "retries",
    "retries_used",
    "retry_on",
    "retry_exit_codes",
    "oom_memory_factor",
    "oom_exclusive",
    "grown",
    "avoid_hosts",
    "on_host_loss",
    "failovers",
    "deadline_at",
    "agent_id",
    "agent_name",
    "gpu_indexes",
    "log_file",
    "log_size",
    "end_reason",
    "end_sentence",
    "exit_code",
    "exit_signal",
    "result",
    "waiting_sentence",
    "held_at",
    "held_reason",
    "attempt_no",
    "submitted_by",
]


class TaskRow(serializers.ModelSerializer[Task]):
    """A task in a list: see `rows`."""

    template_version = serializers.SerializerMethodField(help_text="The template's name and version, like `train v3`.")
    badges = serializers.SerializerMethodField()
    depends_on = DependencyReply(source="dependencies", many=True, read_only=True)
    cpu_cores = Cores(read_only=True)
    gpu_indexes = serializers.SerializerMethodField(help_text="Indexes of the cards of the latest attempt on its host.")
    log_file = serializers.SerializerMethodField(help_text="Output of the latest attempt, relative to the data folder.")
    log_size = serializers.SerializerMethodField(help_text="Bytes stored of it.")
    end_reason = serializers.ChoiceField(choices=EndReason.choices, read_only=True, allow_blank=True)
    end_sentence = serializers.SerializerMethodField()
    waiting_sentence = serializers.SerializerMethodField()
    submitted_by = serializers.SerializerMethodField()
    gpu_types = serializers.ListField(child=serializers.CharField(), read_only=True)
    resources = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    hosts = serializers.ListField(child=serializers.CharField(), read_only=True)
    exclude_hosts = serializers.ListField(child=serializers.CharField(), read_only=True)
    retry_on = serializers.ListField(child=serializers.ChoiceField(choices=FailureClass.choices), read_only=True)
    retry_exit_codes = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    grown = serializers.DictField(
        read_only=True, help_text="What the next attempt asks for instead, since memory ran out."
    )
    avoid_hosts = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="It failed there lately, so others come first."
    )
    prefers = serializers.ListField(child=serializers.CharField(), read_only=True)
    reservation = serializers.IntegerField(source="reservation_id", read_only=True, allow_null=True)
    metadata = serializers.DictField(read_only=True)
    environment = serializers.DictField(child=serializers.CharField(), read_only=True)
    result = serializers.JSONField(read_only=True, allow_null=True)

    class Meta:
        model = Task
        fields = ROW_FIELDS
        read_only_fields = fields

    def get_template_version(self, task: Task) -> str | None:
        return None if task.template_version is None else str(task.template_version)

    def get_badges(self, task: Task) -> list[str]:
        return describe.badges(task, describe.to_be_told_of(task))

    def get_gpu_indexes(self, task: Task) -> list[int]:
        return gpu_indexes(task.latest_sub_agent)

    def get_log_file(self, task: Task) -> str:
        log = _main_log(task.latest_sub_agent)
        return "" if log is None else f"logs/tasks/{log_files.relative_path(task.pk, task.attempt_no, log.stream)}"

    def get_log_size(self, task: Task) -> int:
        log = _main_log(task.latest_sub_agent)
        return 0 if log is None else log.stored_bytes

    def get_end_sentence(self, task: Task) -> str:
        return describe.end_sentence(task)

    def get_waiting_sentence(self, task: Task) -> str:
        sentences: dict[int, str] = self.context["waiting_sentences"]
        return sentences.get(task.pk, "")

    def get_submitted_by(self, task: Task) -> str | None:
        return None if task.submitted_by is None else task.submitted_by.get_username()


class TaskDetail(TaskRow):
    """A task with its script: see `detail`."""

    class Meta(TaskRow.Meta):
        fields = [*ROW_FIELDS, "script_content"]
        read_only_fields = fields


class GapReply(serializers.Serializer[Any]):
    """Bytes [start, stop) of the stream are not kept."""

    start = serializers.IntegerField(read_only=True)
    stop = serializers.IntegerField(read_only=True)
    reason = serializers.CharField(read_only=True)


class OutputLogReply(serializers.ModelSerializer[OutputLog]):
    size = serializers.IntegerField(source="stored_bytes", read_only=True)
    state = serializers.ChoiceField(choices=LogState.choices, read_only=True)
    gaps = GapReply(source="known_gaps", many=True, read_only=True)

    class Meta:
        model = OutputLog
        fields = ["stream", "size", "state", "sha256", "gaps"]
        read_only_fields = fields


class SubAgentReply(serializers.ModelSerializer[SubAgent]):
    """One attempt. Needs tasks.querysets.sub_agents_of()."""

    state = serializers.ChoiceField(choices=SubAgentState.choices, read_only=True)
    end_reason = serializers.ChoiceField(choices=EndReason.choices, read_only=True, allow_blank=True)
    agent_id = serializers.UUIDField(read_only=True)
    agent_name = serializers.CharField(source="agent.name", read_only=True)
    cpu_cores = Cores(source="allocation.cpu_cores", read_only=True, default=None, allow_null=True)
    gpu_indexes = serializers.SerializerMethodField()
    logs = OutputLogReply(many=True, read_only=True)

    class Meta:
        model = SubAgent
        fields = [
            "id",
            "attempt_no",
            "rank",
            "state",
            "agent_id",
            "agent_name",
            "cpu_cores",
            "gpu_indexes",
            "created_time",
            "claimed_at",
            "started_at",
            "ended_at",
            "unreachable_since",
            "end_reason",
            "end_detail",
            "exit_code",
            "exit_signal",
            "duration_seconds",
            "cpu_seconds",
            "peak_memory_mib",
            "logs",
        ]
        read_only_fields = fields

    def get_gpu_indexes(self, sub_agent: SubAgent) -> list[int]:
        return gpu_indexes(sub_agent)


class EventReply(serializers.ModelSerializer[TaskEvent]):
    attempt_no = serializers.IntegerField(source="sub_agent.attempt_no", default=None, read_only=True, allow_null=True)
    detail = serializers.DictField(read_only=True)

    class Meta:
        model = TaskEvent
        fields = [
            "id",
            "at",
            "verb",
            "actor_kind",
            "actor_name",
            "from_state",
            "to_state",
            "reason",
            "detail",
            "attempt_no",
        ]
        read_only_fields = fields


class IdsReply(serializers.Serializer[Any]):
    ids = serializers.ListField(child=serializers.IntegerField())
    max_id = serializers.IntegerField(help_text="The highest id there is; 0 while there is no task.")


def rows(tasks: Sequence[Task]) -> Any:
    """Tasks of tasks.querysets.for_lists() as a list shows them: the hosts are loaded once for all that wait."""
    return TaskRow(tasks, many=True, context={"waiting_sentences": waiting_sentences(tasks)}).data


def detail(task_id: int) -> Any:
    """One task, read anew, with everything."""
    task = querysets.for_details().get(pk=task_id)
    return TaskDetail(task, context={"waiting_sentences": waiting_sentences([task])}).data


def detail_of_new(task: Task) -> Any:
    """The same of a task that was stored just now: it has no attempt yet, so there is less to read."""
    row = statements.instance(Task, {"pk": task.pk})
    depends = statements.row(Dependency, ["id"], {"task_id": task.pk}) is not None
    if row is None or depends or row.attempt_no or row.template_version_id is not None:
        return detail(task.pk)
    row.submitted_by = task.submitted_by
    row.__dict__["latest_sub_agents"] = []
    row._prefetched_objects_cache = {"dependencies": []}  # type: ignore[attr-defined]
    shown = _shown_alone()
    shown._context = {"waiting_sentences": waiting_sentences([row], recent.of_late)}
    return shown.to_representation(row)


_kept = threading.local()


def _shown_alone() -> TaskDetail:
    """One for each thread: to make it costs more than to use it."""
    if not hasattr(_kept, "shown"):
        _kept.shown = TaskDetail()
    shown: TaskDetail = _kept.shown
    return shown


def gpu_indexes(sub_agent: SubAgent | None) -> list[int]:
    allocation = getattr(sub_agent, "allocation", None)
    return [] if allocation is None else [held.gpu.index for held in allocation.gpus.all()]


def _main_log(sub_agent: SubAgent | None) -> OutputLog | None:
    """Standard output, with standard error in it unless they are kept apart."""
    rows = [] if sub_agent is None else sub_agent.logs.all()
    return next((row for row in rows if row.stream == "out"), None)
