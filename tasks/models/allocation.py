"""Allocation: CPU cores, memory and GPUs held on one host for one sub agent until released."""

from django.db import models
from django.utils import timezone


class Allocation(models.Model):
    sub_agent = models.OneToOneField("tasks.SubAgent", on_delete=models.PROTECT, related_name="allocation")
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="allocations")
    cpu_cores = models.DecimalField(max_digits=8, decimal_places=2)
    memory_mib = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    released_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["agent"], name="allocation_held", condition=models.Q(released_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.cpu_cores} cores on {self.agent_id}"


class AllocatedGpu(models.Model):
    """A whole card, or `memory_mib` of a shared one."""

    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="gpus")
    gpu = models.ForeignKey("agents.Gpu", on_delete=models.PROTECT, related_name="allocations")
    memory_mib = models.PositiveIntegerField(default=0)
    is_shared = models.BooleanField(default=False)
    released_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["gpu"],
                condition=models.Q(released_at__isnull=True, is_shared=False),
                name="gpu_whole_held_once",
            ),
            models.UniqueConstraint(fields=["allocation", "gpu"], name="gpu_once_per_allocation"),
        ]

    def __str__(self) -> str:
        return f"{self.gpu_id} for {self.allocation_id}"
