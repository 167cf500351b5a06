"""Gpu: one card of a host, known by its UUID; the index is only for people. Readings stay on Agent.gpu_info."""

from django.db import models


class Gpu(models.Model):
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="gpus")
    uuid = models.CharField(max_length=80)
    index = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=120, blank=True)
    memory_mib = models.PositiveIntegerField(null=True, blank=True)
    is_present = models.BooleanField(default=True, help_text="Seen in the latest inventory.")

    class Meta:
        ordering = ["agent", "index"]
        constraints = [models.UniqueConstraint(fields=["agent", "uuid"], name="gpu_once_per_host")]

    def __str__(self) -> str:
        return f"{self.agent_id} GPU {self.index}"
