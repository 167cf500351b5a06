"""Which blocked tasks can never start any more, below tasks that have ended. Reads; changes nothing."""

from collections import deque
from collections.abc import Iterable, Mapping

from django.db import connection

from tasks.states import DependencyKind, TaskStatus, dependency_verdict

Edge = tuple[int, int, str]  # task, the one it depends on, kind

# "|| ''": without it SQLite would go through all that are blocked, not through the edges.
_BELOW = """
WITH RECURSIVE doomed(task_id) AS (
    SELECT edge.task_id
    FROM tasks_dependency AS edge
    JOIN tasks_task AS task ON task.id = edge.task_id
    JOIN tasks_task AS root ON root.id = edge.depends_on_id
    WHERE edge.depends_on_id IN ({roots}) AND NOT edge.is_satisfied AND task.status || '' = 'blocked'
          AND ((root.status = 'completed' AND edge.kind = 'afternotok')
               OR (root.status IN ('failed', 'canceled') AND edge.kind = 'afterok'))
    UNION
    SELECT edge.task_id
    FROM doomed
    JOIN tasks_dependency AS edge ON edge.depends_on_id = doomed.task_id
    JOIN tasks_task AS task ON task.id = edge.task_id
    WHERE NOT edge.is_satisfied AND edge.kind = 'afterok' AND task.status || '' = 'blocked'
)
SELECT task_id FROM doomed LIMIT %s
"""


def found_below(roots: list[int], most: int) -> list[int]:
    """At most so many, the nearest first: one query however deep they stand."""
    if not roots:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_BELOW.format(roots=", ".join(["%s"] * len(roots))), [*roots, most])
        return [row[0] for row in cursor.fetchall()]


def reached(ended: Mapping[int, str], edges: Iterable[Edge]) -> dict[int, int]:
    """For each task that the edges doom, the one because of which; in the order of their depth. Pure."""
    below: dict[int, list[tuple[int, str]]] = {}
    for task_id, other, kind in edges:
        below.setdefault(other, []).append((task_id, kind))
    because: dict[int, int] = {}
    queue = deque(ended.items())
    while queue:
        other, status = queue.popleft()
        for task_id, kind in below.get(other, ()):
            if task_id not in because and dependency_verdict(DependencyKind(kind), status) is False:
                because[task_id] = other
                queue.append((task_id, TaskStatus.CANCELED))
    return because
