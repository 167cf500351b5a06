"""Allocation: what is held on one host for one sub agent, or for a reservation, until released.

A task that runs inside a reservation has an allocation with `inside` set: it takes from the reservation's, not from the
host's.
"""

from django.db import models
from django.utils import timezone

from tasks.states import Kept


class Allocation(models.Model):
    sub_agent = models.OneToOneField("tasks.SubAgent", null=True, on_delete=models.PROTECT, related_name="allocation")
    reservation = models.OneToOneField(
        "tasks.Reservation", null=True, on_delete=models.PROTECT, related_name="allocation"
    )
    inside = models.ForeignKey(
        "tasks.Reservation", null=True, on_delete=models.PROTECT, related_name="inner_allocations"
    )
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="allocations")
    cpu_cores = models.DecimalField(max_digits=8, decimal_places=2)
    memory_mib = models.PositiveBigIntegerField(default=0)
    disk_mib = models.PositiveBigIntegerField(default=0)
    resources = models.JSONField(default=dict)
    whole_host = models.BooleanField(default=False)
    share = models.FloatField(default=0.0, help_text="Largest part of the site's cores, memory or cards; fair share.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    own_since = models.DateTimeField(
        null=True, editable=False, help_text="When the reservation ended that it was inside of."
    )
    released_at = models.DateTimeField(null=True, editable=False)
    kept = models.CharField(
        max_length=12, choices=Kept.choices, blank=True, editable=False, help_text="Why it outlives its attempt."
    )

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["agent"], name="allocation_held", condition=models.Q(released_at__isnull=True)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(sub_agent__isnull=True, reservation__isnull=False)
                | models.Q(sub_agent__isnull=False, reservation__isnull=True),
                name="allocation_has_one_holder",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cpu_cores} cores on {self.agent_id}"


class AllocatedGpu(models.Model):
    """A whole card, or `memory_mib` of a shared one."""

    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="gpus")
    gpu = models.ForeignKey("agents.Gpu", on_delete=models.PROTECT, related_name="allocations")
    memory_mib = models.PositiveIntegerField(default=0)
    peak_mib = models.PositiveIntegerField(default=0, help_text="The most that its holder was seen to use.")
    is_shared = models.BooleanField(default=False)
    is_inside = models.BooleanField(default=False, help_text="Part of a card that a reservation holds.")
    released_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["gpu"],
                condition=models.Q(released_at__isnull=True, is_shared=False, is_inside=False),
                name="gpu_whole_held_once",
            ),
            models.UniqueConstraint(fields=["allocation", "gpu"], name="gpu_once_per_allocation"),
        ]

    def __str__(self) -> str:
        return f"{self.gpu_id} for {self.allocation_id}"
