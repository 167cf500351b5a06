"""Agent: one main agent, one host. Field names follow seed 004; sub agents live in the tasks app."""

import uuid
from typing import Any

from django.db import models
from django.utils import timezone

from agents.states import Connectivity, GpuState, Standing, Wish


class Agent(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120, unique=True)
    hostname = models.CharField(max_length=255, blank=True)
    zone = models.CharField(max_length=120, blank=True, help_text="Such as eu/berlin/rack-3; the host says it.")
    address = models.CharField(max_length=255, blank=True, help_text="Where other hosts reach it; the host says it.")
    weight = models.DecimalField(
        max_digits=6, decimal_places=2, default=1, help_text="Share of work under the weighted policy."
    )
    secret_hash = models.CharField(max_length=64, editable=False)
    next_secret_hash = models.CharField(max_length=64, blank=True, editable=False)  # agents.rotation
    next_secret_at = models.DateTimeField(null=True, blank=True, editable=False)
    secret_asked_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Since when it is to take a new secret."
    )
    inventory_asked_at = models.DateTimeField(null=True, blank=True, editable=False)  # agents.inventory_requests
    machine_id = models.CharField(max_length=64, blank=True, editable=False)
    agent_version = models.CharField(max_length=40, blank=True)
    host_facts = models.JSONField(
        default=dict, blank=True, help_text="What the host said of itself when its session opened."
    )

    connectivity = models.CharField(max_length=12, choices=Connectivity.choices, default=Connectivity.UNREACHABLE)
    standing = models.CharField(max_length=12, choices=Standing.choices, default=Standing.ACTIVE)
    standing_reason = models.CharField(max_length=300, blank=True, help_text="Why it was paused or deactivated.")
    wish = models.CharField(
        max_length=16,
        choices=Wish.choices,
        default=Wish.NONE,
        blank=True,
        editable=False,
        help_text="What an operator asked of its main agent and has not been done yet.",
    )
    accepts_work = models.BooleanField(
        default=True, help_text="What the host itself says: false while it drains or its disk is full."
    )
    quarantined_at = models.DateTimeField(null=True, blank=True, editable=False)
    quarantine_reason = models.CharField(
        max_length=300, blank=True, editable=False, help_text="Two main agents spoke for it; empty: no quarantine."
    )
    epoch = models.PositiveBigIntegerField(default=0, editable=False)
    proto = models.PositiveSmallIntegerField(default=1, editable=False)  # agreed on when the session was opened
    boot_id = models.CharField(max_length=64, blank=True, editable=False)
    incarnation = models.CharField(max_length=64, blank=True, editable=False)

    created_time = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(
        null=True, blank=True, help_text="Start of the main agent's process, by our clock."
    )
    last_heartbeat_time = models.DateTimeField(null=True, blank=True)

    cpu_cores = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    memory_mib = models.PositiveBigIntegerField(null=True, blank=True)
    is_declared = models.BooleanField(default=False, help_text="The resources are pretended (--declare).")
    gpu_state = models.CharField(max_length=10, choices=GpuState.choices, default=GpuState.UNKNOWN)
    gpu_detail = models.CharField(max_length=300, blank=True)

    cpu_usage = models.FloatField(null=True, blank=True, help_text="Percent of the host.")
    memory_usage = models.FloatField(null=True, blank=True, help_text="Percent of the host.")
    memory_used_mib = models.PositiveBigIntegerField(null=True, blank=True)
    load_1m = models.FloatField(null=True, blank=True)
    disk_total_mib = models.PositiveBigIntegerField(null=True, blank=True)
    disk_free_mib = models.PositiveBigIntegerField(null=True, blank=True)
    gpu_info = models.JSONField(
        default=list, blank=True, help_text="The latest reading of every GPU, as in the heartbeat."
    )

    turn = models.PositiveBigIntegerField(default=0, editable=False, help_text="Rises with every placement anywhere.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def type(self) -> str:
        return "main"

    @property
    def status(self) -> str:
        """The seed's word: online or offline. A suspect host still counts as online."""
        return "offline" if self.connectivity == Connectivity.UNREACHABLE else "online"

    @property
    def running_time(self) -> int | None:
        """Seconds since the main agent started, up to its last heartbeat."""
        if self.started_at is None or self.last_heartbeat_time is None:
            return None
        return max(0, int((self.last_heartbeat_time - self.started_at).total_seconds()))

    @property
    def present_gpus(self) -> "models.QuerySet[Any]":
        return self.gpus.filter(is_present=True)
