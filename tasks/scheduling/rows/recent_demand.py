"""Keeps the fragmentation-aware policy informed of what has been submitted of late. Chooses no host.

What it knows can be read again from the rows at any time, so each server process has its own.
"""

from django.db import connection

from scheduler_site.shared import statements
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
        newest = _newest()
        if self._last_id is None or newest < self._last_id:
            self._last_id = max(0, newest - AT_ONCE)
        if newest > self._last_id:
            ids = range(max(self._last_id, newest - AT_ONCE) + 1, newest + 1)
            for row in sorted(statements.rows_among(Task, ("id", *SHAPE_COLUMNS), "id", ids)):
                self.policy.learn(shape_of(dict(zip(SHAPE_COLUMNS, row[1:], strict=True)), site_names))
            self._last_id = newest
        return self.policy


def _newest() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT MAX(id) FROM tasks_task")
        (newest,) = cursor.fetchone()
    return newest or 0
