"""SubAgent: one attempt at one task on one host; in a gang, one member of the attempt.

`state` is written by tasks.sub_agent_lifecycle only. The last usage reading is kept here for lists; it is written once
a second for all (tasks.reporting.usage).
"""

import uuid

from django.db import models
from django.utils import timezone

from tasks.states import LIVE_STATES, EndReason, SubAgentState


class SubAgent(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task = models.ForeignKey("tasks.Task", on_delete=models.PROTECT, related_name="sub_agents")
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="sub_agents")
    attempt_no = models.PositiveIntegerField()
    rank = models.PositiveSmallIntegerField(default=0, help_text="In a gang; the leader is 0.")
    fence = models.PositiveBigIntegerField(unique=True, help_text="Rises with every attempt of any task: TASK_FENCE.")
    state = models.CharField(max_length=12, choices=SubAgentState.choices)
    claim_nonce = models.CharField(max_length=64, blank=True, editable=False)

    created_time = models.DateTimeField(default=timezone.now, editable=False)
    claimed_at = models.DateTimeField(null=True, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    unreachable_since = models.DateTimeField(null=True, editable=False)
    gpu_lost_at = models.DateTimeField(
        null=True, editable=False, help_text="Since when a card it holds is not seen any more."
    )
    boot_id = models.CharField(
        max_length=64, blank=True, editable=False, help_text="Of the host, when it accepted this."
    )
    renewals = models.PositiveIntegerField(default=0, editable=False, help_text="Of its lease; tasks.host_ends.leases.")
    granted_seconds = models.FloatField(
        null=True, editable=False, help_text="The longest it may run without contact; empty: as long as it likes."
    )
    stop_requested_at = models.DateTimeField(null=True, editable=False)
    stop_reason = models.CharField(max_length=16, blank=True, editable=False)
    stop_now = models.BooleanField(default=False, editable=False, help_text="A second cancel: skip the grace.")
    pid = models.PositiveIntegerField(null=True, editable=False)
    master_port = models.PositiveIntegerField(
        null=True, editable=False, help_text="A port that was free on the host of a gang's leader when it claimed."
    )

    end_reason = models.CharField(max_length=16, choices=EndReason.choices, blank=True, editable=False)
    end_detail = models.CharField(max_length=500, blank=True, editable=False)
    exit_code = models.IntegerField(null=True, editable=False)
    exit_signal = models.IntegerField(null=True, editable=False)
    may_still_run = models.BooleanField(
        default=False, editable=False, help_text="Ended here without proof, so nothing is tried again by itself."
    )
    oom_kind = models.CharField(max_length=4, blank=True, editable=False, help_text="Whose memory ran out: gpu, host.")
    blames_host = models.BooleanField(
        default=False,
        editable=False,
        help_text="Void or failed for its host's fault; host_ends.host_guard counts it.",
    )
    digest = models.CharField(max_length=64, blank=True, editable=False)
    duration_seconds = models.FloatField(null=True, editable=False)
    cpu_seconds = models.FloatField(null=True, editable=False)
    peak_memory_mib = models.PositiveBigIntegerField(null=True, editable=False)

    last_heartbeat_time = models.DateTimeField(null=True, editable=False)
    cpu_usage = models.FloatField(null=True, editable=False, help_text="Percent; 100 is one core.")
    memory_used_mib = models.PositiveBigIntegerField(null=True, editable=False)
    process_count = models.PositiveIntegerField(null=True, editable=False)
    gpu_info = models.JSONField(default=list, editable=False)

    final_columns = ("state", "fence", "end_reason", "exit_code", "exit_signal", "digest")  # shared.append_only
    final_condition = "OLD.ended_at IS NOT NULL"

    class Meta:
        ordering = ["task", "attempt_no", "rank"]
        indexes = [
            models.Index(fields=["agent", "state"], name="sub_agent_by_agent"),
            models.Index(
                fields=["agent", "ended_at"], name="sub_agent_blames_host", condition=models.Q(blames_host=True)
            ),
            models.Index(fields=["state"], name="sub_agent_live", condition=models.Q(ended_at__isnull=True)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["task", "attempt_no", "rank"], name="sub_agent_attempt_once"),
            models.UniqueConstraint(
                fields=["task", "rank"], condition=models.Q(state__in=LIVE_STATES), name="sub_agent_one_live_per_rank"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=LIVE_STATES, ended_at__isnull=True)
                | (~models.Q(state__in=LIVE_STATES) & models.Q(ended_at__isnull=False)),
                name="sub_agent_ended_iff_not_live",
            ),
        ]

    def __str__(self) -> str:
        member = f" rank {self.rank}" if self.rank else ""
        return f"#{self.task_id} attempt {self.attempt_no}{member}"

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_STATES

    @property
    def type(self) -> str:
        """The seed's word beside the main agent's "main"."""
        return "sub"
