"""Keeps the fragmentation-aware policy informed of what has been submitted of late. Chooses no host.

What it knows can be read again from the rows at any time, so each server process has its own.
"""

from django.db.models import Max

from tasks.models import Task
from tasks.scheduling.policies.fragmentation import Fragmentation
from tasks.scheduling.rows.request import SHAPE_COLUMNS, shape_of

AT_ONCE = 2_000


class RecentDemand:
    def __init__(self) -> None:
        self.policy = Fragmentation()
        self._last_id: int | None = None

    def catch_up(self, site_names: frozenset[str]) -> Fragmentation:
        """The policy, once it has learned of the tasks that came since the last call; at first of the latest 2,000."""
        newest = Task.objects.aggregate(newest=Max("id"))["newest"] or 0
        if self._last_id is None or newest < self._last_id:
            self._last_id = max(0, newest - AT_ONCE)
        if newest > self._last_id:
            rows = Task.objects.filter(pk__gt=self._last_id).order_by("-pk").values(*SHAPE_COLUMNS)[:AT_ONCE]
            for row in reversed(rows):
                self.policy.learn(shape_of(row, site_names))
            self._last_id = newest
        return self.policy
