"""Reservation: an allocation without a task, made by a person, with an expiry. `state` is written by
tasks.reserving.reservations only.

Asks for what a task may ask for, on one host; `gpu_indices` are the very cards wanted, by the numbers people see.
"""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.utils import timezone

from tasks.states import OPEN_RESERVATION_STATES, ReservationState


class Reservation(models.Model):
    name = models.CharField(max_length=200, blank=True)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="reservations"
    )
    priority = models.PositiveSmallIntegerField(default=3, help_text="1 is the highest, 5 the lowest.")
    cpu_cores = models.DecimalField(max_digits=8, decimal_places=2, default=Decimal(0))
    memory_mib = models.PositiveBigIntegerField(null=True, blank=True)
    disk_mib = models.PositiveBigIntegerField(null=True, blank=True)
    gpu_count = models.PositiveSmallIntegerField(default=0)
    gpu_memory = models.PositiveIntegerField(null=True, blank=True, help_text="MiB per GPU.")
    gpu_share = models.BooleanField(default=False)
    gpu_types = models.JSONField(default=list, blank=True)
    gpu_indices = models.JSONField(default=list, blank=True, help_text="These cards and no others; needs one host.")
    resources = models.JSONField(default=dict, blank=True)
    whole_host = models.BooleanField(default=False)
    hosts = models.JSONField(default=list, blank=True)
    exclude_hosts = models.JSONField(default=list, blank=True)
    pool = models.CharField(max_length=80, blank=True)
    requires = models.CharField(max_length=500, blank=True)

    state = models.CharField(
        max_length=10, choices=ReservationState.choices, default=ReservationState.PENDING, editable=False
    )
    created_time = models.DateTimeField(default=timezone.now, editable=False)
    wait_until = models.DateTimeField(help_text="Found no room by then: timed out.")
    until = models.DateTimeField(null=True, blank=True, help_text="Held until then, or for duration_seconds.")
    duration_seconds = models.PositiveIntegerField(null=True, blank=True, help_text="Counted from when it was granted.")
    agent = models.ForeignKey("agents.Agent", null=True, on_delete=models.PROTECT, related_name="reservations")
    granted_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    end_detail = models.CharField(max_length=500, blank=True, editable=False)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["state"], name="reservation_open", condition=models.Q(state__in=("pending", "active"))
            ),
            models.Index(fields=["ended_at"], name="reservation_by_end"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(until__isnull=False) | models.Q(duration_seconds__isnull=False),
                name="reservation_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return f"reservation {self.pk} {self.name}".rstrip()

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_RESERVATION_STATES
