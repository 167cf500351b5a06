"""What reservations hold on each host now, as plain values for the tree of hosts. Changes nothing."""

from collections import defaultdict
from decimal import Decimal
from typing import Any
from uuid import UUID

from tasks.models import Reservation
from tasks.reserving import reservation_querysets

Values = dict[str, Any]


class Reserved:
    """Two queries, however many hosts and reservations there are."""

    def __init__(self) -> None:
        self._rows: dict[UUID | None, list[Reservation]] = defaultdict(list)
        for row in reservation_querysets.on_hosts():
            self._rows[row.agent_id].append(row)

    def of(self, agent_id: UUID) -> list[Values]:
        """Those on one host, the one that ends first first."""
        return [
            {
                "id": row.pk,
                "name": row.name,
                "submitted_by": row.submitted_by.get_username() if row.submitted_by else None,
                "until": row.until,
                "cpu_cores": float(row.cpu_cores),
                "gpu_indexes": [card.gpu.index for card in row.allocation.gpus.all()],
                "whole_host": row.whole_host,
            }
            for row in self._rows[agent_id]
        ]

    def cores(self, agent_id: UUID) -> Decimal:
        return sum((row.allocation.cpu_cores for row in self._rows[agent_id]), Decimal(0))
