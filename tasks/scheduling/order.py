"""The order of the queue. Pure. Priority 1 comes first; every day of waiting counts as one step of priority, so that no
task starves; equals start in the order of their ids.
"""

from dataclasses import dataclass
from datetime import datetime

AGEING_HOURS = 24.0


@dataclass(frozen=True, slots=True)
class QueueEntry:
    task_id: int
    priority: int
    waiting_since: datetime


def sort_key(entry: QueueEntry, now: datetime) -> tuple[float, int]:
    """Ageing counts whole hours, so that tasks submitted together keep their order."""
    hours = int((now - entry.waiting_since).total_seconds() // 3600)
    return (entry.priority - max(0, hours) / AGEING_HOURS, entry.task_id)
