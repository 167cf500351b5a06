"""Task: what a user submitted. Status, fence and everything about its end are written by tasks.lifecycle only.

Field names follow seed 004 where it has one. `gpu_memory` is MiB per GPU: a minimum for whole cards, the booked part of
a card when `gpu_share` is set.
"""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from tasks.states import FINAL_STATUSES, EndReason, OnHostLoss, TaskStatus


class Task(models.Model):
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    template_type = models.CharField(
        max_length=120, blank=True, help_text="Name of a template, or any word of the user's."
    )
    template_version = models.ForeignKey(
        "templates_app.TemplateVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="tasks"
    )
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="tasks"
    )
    script_content = models.TextField()
    environment = models.JSONField(default=dict, blank=True)
    working_directory = models.CharField(max_length=4096, blank=True, help_text="On the host; empty: the agent's home.")
    split_output = models.BooleanField(default=False, help_text="Keep stderr apart from stdout.")
    metadata = models.JSONField(default=dict, blank=True)

    priority = models.PositiveSmallIntegerField(default=3, help_text="1 is the highest, 5 the lowest.")
    cpu_cores = models.DecimalField(max_digits=8, decimal_places=2, default=Decimal(1))
    memory_mib = models.PositiveBigIntegerField(null=True, blank=True, help_text="Empty: none is booked.")
    gpu_count = models.PositiveSmallIntegerField(default=0)
    gpu_memory = models.PositiveIntegerField(null=True, blank=True, help_text="MiB per GPU.")
    gpu_share = models.BooleanField(default=False, help_text="Take part of a card's memory; others may share the card.")
    gpu_types = models.JSONField(default=list, blank=True, help_text="Any of these words in a card's name; empty: any.")
    disk_mib = models.PositiveBigIntegerField(null=True, blank=True, help_text="Empty: none is booked.")
    resources = models.JSONField(default=dict, blank=True, help_text="Counted resources by name, such as licences.")

    node_count = models.PositiveSmallIntegerField(
        default=1, help_text="More than 1: a gang; so many hosts start it together, each with what is asked for."
    )
    whole_host = models.BooleanField(default=False, help_text="Nothing else runs on the host meanwhile.")
    hosts = models.JSONField(default=list, blank=True, help_text="Names of the only hosts that will do.")
    exclude_hosts = models.JSONField(default=list, blank=True, help_text="Names of hosts that will not do.")
    pool = models.CharField(max_length=80, blank=True, help_text="Name of the pool that the host must be in.")
    requires = models.CharField(max_length=500, blank=True, help_text="Capabilities, such as a100 & !(old | slow).")
    prefers = models.JSONField(default=list, blank=True, help_text="Like requires, but these only order the hosts.")
    zone = models.CharField(max_length=120, blank=True, help_text="Where its data is; the nearest policy goes by it.")
    reservation = models.ForeignKey(
        "tasks.Reservation", null=True, blank=True, on_delete=models.PROTECT, related_name="tasks"
    )
    wait_for_host = models.BooleanField(default=False, help_text="Accept it although no known host could run it.")

    estimated_seconds = models.PositiveIntegerField(null=True, blank=True)
    time_limit_seconds = models.PositiveIntegerField(null=True, blank=True)
    grace_seconds = models.PositiveSmallIntegerField(default=10, help_text="Between TERM and KILL.")
    retries = models.PositiveSmallIntegerField(default=0, help_text="How often a failed run is tried again.")
    retry_on = models.JSONField(
        default=list, blank=True, help_text="Classes of failure that are tried again; empty: all but host_lost."
    )
    retry_exit_codes = models.JSONField(
        default=list, blank=True, help_text="Of scripts that failed by themselves only these; empty: any."
    )
    on_host_loss = models.CharField(
        max_length=8, choices=OnHostLoss.choices, default=OnHostLoss.KEEP, help_text="When its host is not heard."
    )
    oom_memory_factor = models.FloatField(
        null=True, blank=True, help_text="After running out of memory, ask for so many times as much."
    )
    oom_exclusive = models.BooleanField(
        default=False, help_text="After running out of the memory of a shared GPU, take a whole one."
    )
    deadline_at = models.DateTimeField(
        null=True, blank=True, help_text="When its user needs it: moves it forward within its priority."
    )
    start_by = models.DateTimeField(
        null=True, editable=False, help_text="The deadline less the expected run time; tasks.scheduling.rows.lanes."
    )
    lane = models.CharField(
        max_length=32,
        default="",
        editable=False,
        help_text="Tasks that are alike for the queue; tasks.scheduling.rows.lanes.",
    )

    status = models.CharField(max_length=10, choices=TaskStatus.choices, editable=False)
    unmet = models.PositiveIntegerField(default=0, editable=False, help_text="Dependencies not yet satisfied.")
    current_fence = models.PositiveBigIntegerField(
        null=True, editable=False, help_text="Set while a sub agent is live."
    )
    is_unsettled = models.BooleanField(
        default=False, editable=False, help_text="Ended, and not all that depend on it were told yet."
    )
    attempt_no = models.PositiveIntegerField(default=0, editable=False, help_text="The latest attempt's number.")
    retries_used = models.PositiveSmallIntegerField(default=0, editable=False)
    failovers = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="How often another host took over from a lost one."
    )
    voids = models.PositiveSmallIntegerField(default=0, editable=False, help_text="Attempts that never started.")
    grown = models.JSONField(
        default=dict, editable=False, help_text="What the next attempt asks for instead, since memory ran out."
    )
    avoid_hosts = models.JSONField(
        default=list, editable=False, help_text="Names of hosts where it failed or was void lately; others come first."
    )
    not_before = models.DateTimeField(
        null=True, editable=False, help_text="Back-off after an attempt that failed or never started."
    )
    held_at = models.DateTimeField(null=True, editable=False, help_text="Not placed until somebody releases it.")
    held_reason = models.CharField(max_length=300, blank=True, editable=False)
    cancel_requested_at = models.DateTimeField(null=True, editable=False)
    cancel_reason = models.CharField(max_length=300, blank=True, editable=False)

    agent_id = models.CharField(
        max_length=36, blank=True, editable=False, help_text="Copied from the latest sub agent."
    )
    agent_name = models.CharField(max_length=120, blank=True, editable=False)
    created_time = models.DateTimeField(default=timezone.now, editable=False)
    waiting_since = models.DateTimeField(null=True, editable=False)
    start_time = models.DateTimeField(null=True, editable=False)
    end_time = models.DateTimeField(null=True, editable=False)
    execution_time = models.FloatField(null=True, editable=False, help_text="Seconds, by the host's monotonic clock.")
    end_reason = models.CharField(max_length=16, choices=EndReason.choices, blank=True, editable=False)
    end_detail = models.CharField(max_length=500, blank=True, editable=False)
    exit_code = models.IntegerField(null=True, editable=False)
    exit_signal = models.IntegerField(null=True, editable=False)
    result = models.JSONField(null=True, editable=False)

    final_columns = ("status", "end_reason", "exit_code", "exit_signal", "result")  # shared.append_only
    final_condition = "OLD.status IN ('completed', 'failed', 'canceled')"

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["lane", "start_by", "waiting_since", "id"],
                name="task_queue",
                condition=models.Q(status="waiting", current_fence__isnull=True, held_at__isnull=True),
            ),
            models.Index(
                fields=["not_before"],
                name="task_back_off",
                condition=models.Q(status="waiting", not_before__isnull=False),
            ),
            models.Index(fields=["id"], name="task_unsettled", condition=models.Q(is_unsettled=True)),
            models.Index(fields=["status", "-id"], name="task_by_status"),
            models.Index(fields=["template_type", "-id"], name="task_by_template_type"),
            models.Index(fields=["end_time"], name="task_by_end_time"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(priority__gte=1, priority__lte=5), name="task_priority_1_to_5"),
            models.CheckConstraint(
                condition=models.Q(status__in=FINAL_STATUSES, end_time__isnull=False, current_fence__isnull=True)
                | (~models.Q(status__in=FINAL_STATUSES) & models.Q(end_time__isnull=True)),
                name="task_ended_iff_final",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="running") | models.Q(current_fence__isnull=False),
                name="task_running_has_fence",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="blocked") | models.Q(current_fence__isnull=True, unmet__gt=0),
                name="task_blocked_has_unmet",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.name}"

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STATUSES

    @property
    def latest_sub_agent(self) -> Any:
        """The sub agent of the latest attempt, in a gang its leader; None before the first. tasks.querysets loads it
        for whole lists."""
        if "latest_sub_agents" in self.__dict__:
            return next(iter(self.__dict__["latest_sub_agents"]), None)
        return self.sub_agents.filter(attempt_no=self.attempt_no).order_by("rank").first()
