"""OutputLog: how much of one stream of one attempt is stored. The bytes are in a file (output.logs), never in rows."""

from django.db import models

from tasks.output import log_gaps
from tasks.output.log_gaps import Gaps
from tasks.states import LogState


class OutputLog(models.Model):
    sub_agent = models.ForeignKey("tasks.SubAgent", on_delete=models.PROTECT, related_name="logs")
    stream = models.CharField(max_length=3, choices=[("out", "out"), ("err", "err")])
    stored_bytes = models.PositiveBigIntegerField(default=0)
    durable_bytes = models.PositiveBigIntegerField(default=0, help_text="This much survives a power cut.")
    gaps = models.JSONField(
        default=list, help_text="[start, stop, reason] of bytes that are not kept: output.log_gaps."
    )
    final_bytes = models.PositiveBigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=10, choices=LogState.choices, default=LogState.OPEN)
    restarts = models.PositiveSmallIntegerField(default=0, help_text="How often a mismatch made it start over.")
    pruned_at = models.DateTimeField(null=True, editable=False)
    pruned_because = models.CharField(max_length=120, blank=True, editable=False)
    is_file_left = models.BooleanField(
        default=False, editable=False, help_text="Pruned lately: its file is to be looked for once more."
    )

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["id"], name="output_kept", condition=models.Q(pruned_at__isnull=True)),
            models.Index(fields=["id"], name="output_file_left", condition=models.Q(is_file_left=True)),
        ]
        constraints = [models.UniqueConstraint(fields=["sub_agent", "stream"], name="output_log_once")]

    @property
    def known_gaps(self) -> Gaps:
        return log_gaps.from_rows(self.gaps)

    @property
    def removal(self) -> str:
        """`removed on 2026-11-26 by policy: older than 90 days`; empty of output that is kept."""
        if self.state != LogState.PRUNED:
            return ""
        day = f" on {self.pruned_at:%Y-%m-%d}" if self.pruned_at else ""
        return f"removed{day} {self.pruned_because}".rstrip()

    def __str__(self) -> str:
        return f"{self.sub_agent_id} {self.stream}"
