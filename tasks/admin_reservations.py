"""Reservations in the admin: to be found and read, and released. Never added, changed or deleted here."""

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString

from scheduler_site.shared.admin_operations import OperatedAdmin, Operation
from scheduler_site.shared.admin_parts import HistoryInline, column, duration, gib, pill, plain_number, yes_no
from tasks.models import Reservation, ReservationEvent
from tasks.reserving import describe_reservation, reservations


class ReservationHistory(HistoryInline):
    model = ReservationEvent


RELEASE = Operation(
    name="release",
    label="Release reservation",
    meaning="What runs inside goes on; what waits for it goes on waiting like any other task.",
    done="released or withdrawn",
    act=lambda row, actor, reason: reservations.release(row.pk, actor=actor, reason=reason),
    applies=lambda row: row.is_open,
    consequence=lambda row: describe_reservation.sentences([row])[row.pk],
    is_danger=True,
)

DURATION = column("duration_seconds", "duration", duration)
NEEDS = (
    column("cpu_cores", "CPU cores", plain_number),
    column("memory_mib", "memory", gib),
    column("disk_mib", "disk", gib),
    column("gpu_count", "GPUs", plain_number),
    column("gpu_memory", "memory per GPU", gib),
    column("gpu_share", "part of a GPU", yes_no),
    column("whole_host", "the whole host", yes_no),
)
TARGETS = ("hosts", "gpu_indices", "gpu_types", "resources", "exclude_hosts", "pool", "requires")


@admin.register(Reservation)
class ReservationAdmin(OperatedAdmin):
    operations = (RELEASE,)
    list_display = ("id", "name", "shown_state", "agent", "submitted_by", "priority", "until", "created_time")
    list_display_links = ("id", "name")
    list_filter = ("state", "agent", "priority", "created_time")
    list_select_related = ("submitted_by", "agent")
    search_fields = ("=id", "name", "submitted_by__username")
    inlines = (ReservationHistory,)
    fieldsets = (
        (None, {"fields": ("id", "name", "shown_state", "shown_sentence", "submitted_by", "priority")}),
        ("Asked for", {"fields": (*NEEDS, *TARGETS)}),
        ("Where and when", {"fields": ("agent", "created_time", "wait_until", "granted_at", "until", DURATION)}),
        ("End", {"fields": ("ended_at", "end_detail")}),
    )
    readonly_fields = (*NEEDS, DURATION)

    @admin.display(description="state", ordering="state")
    def shown_state(self, row: Reservation) -> SafeString:
        return pill(row.state)

    @admin.display(description="what it does")
    def shown_sentence(self, row: Reservation) -> Any:
        return describe_reservation.sentences([row])[row.pk]
