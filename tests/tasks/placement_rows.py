"""Rows that tests of placement need beside those of tests.factories."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from agents.models import Agent, Gpu
from tasks import allocations
from tasks.models import Reservation
from tasks.scheduling.rows.request import centicores
from tasks.scheduling.values import Held


def make_reservation(user: Any = None, *, agent: Agent | None = None, **fields: Any) -> Reservation:
    """Pending, or held on `agent` with its first cards as whole ones, or parts of them if `gpu_share` is set."""
    now = timezone.now()
    defaults = {"name": "kept", "wait_until": now + timedelta(hours=1), "until": now + timedelta(hours=2)}
    if agent is not None:
        defaults |= {"state": "active", "agent": agent, "granted_at": now}
    row = Reservation.objects.create(submitted_by=user, **{**defaults, **fields})
    if agent is not None:
        cards = Gpu.objects.filter(agent=agent).order_by("index").values_list("pk", flat=True)[: row.gpu_count]
        held = Held(
            cpu_centicores=centicores(row.cpu_cores),
            memory_mib=row.memory_mib or 0,
            gpus=tuple((pk, row.gpu_memory if row.gpu_share else None) for pk in cards),
        )
        allocations.hold_for_reservation(row, agent, held, 0.0)
    return row
