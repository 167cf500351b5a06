"""Read the dependencies that somebody asks for: known ids, known kinds, no circle, nothing that can never be met.

Finds and locks the tasks; storing the edges is tasks.lifecycle's.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from tasks.models import Dependency, Task
from tasks.states import DependencyKind, dependency_verdict
from tasks.task_fields import InvalidTask

MOST_DEPENDENCIES = 1000
EDITS_LOCK = 5_501_001  # any number that no other advisory lock of this database has


def split(asked: Any, before: Sequence[Task]) -> tuple[Any, list[tuple[Task, str]]]:
    """Of a task of a batch: what it asks for by id, and by `{"index": 0}` of those that come before it in the batch."""
    if not isinstance(asked, list):
        return asked, []
    inner = [item for item in asked if isinstance(item, dict) and "index" in item]
    return [item for item in asked if item not in inner] or None, [_inner(item, before) for item in inner]


def _inner(item: dict[str, Any], before: Sequence[Task]) -> tuple[Task, str]:
    index, kind = item["index"], item.get("kind", DependencyKind.AFTEROK.value)
    if unknown := set(item) - {"index", "kind"}:
        raise InvalidTask({"depends_on": [f"{sorted(unknown)[0]} cannot be given beside an index"]})
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(before):
        raise InvalidTask({"depends_on": [f"{index!r} is not the index of a task that comes before it"]})
    if kind not in DependencyKind.values:
        raise InvalidTask({"depends_on": [f"{kind!r} is not one of {', '.join(DependencyKind.values)}"]})
    return before[index], kind


def resolve(asked: Any, *, task_id: int | None = None) -> list[tuple[Task, str]]:
    """`asked` is [12, {"id": 13, "kind": "afterany"}]. InvalidTask names `depends_on`. Call inside a transaction."""
    kinds = parse(asked)
    if task_id is not None:
        _one_edit_at_a_time()
    tasks = _locked(kinds, task_id)
    problems = [f"Task {other_id} does not exist." for other_id in kinds if other_id not in tasks]
    problems += [_never(tasks[other_id], kind) for other_id, kind in kinds.items() if _is_never(tasks, other_id, kind)]
    if task_id is not None and (circle := circle_through(task_id, list(kinds))):
        problems.append(f"Task {circle} depends on task {task_id}: that would be a circle.")
    if problems:
        raise InvalidTask({"depends_on": problems})
    return [(tasks[other_id], kind) for other_id, kind in kinds.items()]


def parse(asked: Any) -> dict[int, str]:
    """Ids with their kinds, each id once."""
    if asked is None:
        return {}
    if not isinstance(asked, list) or len(asked) > MOST_DEPENDENCIES:
        raise InvalidTask({"depends_on": [f"must be a list of at most {MOST_DEPENDENCIES} task ids"]})
    kinds: dict[int, str] = {}
    for item in asked:
        other_id, kind = _one(item)
        if kinds.setdefault(other_id, kind) != kind:
            raise InvalidTask({"depends_on": [f"Task {other_id} is named twice, with different kinds."]})
    return kinds


def circle_through(task_id: int, other_ids: list[int]) -> int | None:
    """The first of `other_ids` that is the task itself or depends on it, directly or over others."""
    below = {task_id}
    level = [task_id]
    while level and below.isdisjoint(other_ids):
        dependants = Dependency.objects.filter(depends_on__in=level).values_list("task_id", flat=True)
        level = [pk for pk in set(dependants) if pk not in below]
        below.update(level)
    return next((other_id for other_id in other_ids if other_id in below), None)


def _one(item: Any) -> tuple[int, str]:
    other_id, kind = item, DependencyKind.AFTEROK.value
    if isinstance(item, dict):
        unknown = set(item) - {"id", "kind"}
        if unknown:
            raise InvalidTask({"depends_on": [f"{sorted(unknown)[0]} is not a field of a dependency"]})
        other_id, kind = item.get("id"), item.get("kind", kind)
    if isinstance(other_id, bool) or not isinstance(other_id, int) or not 0 < other_id < 2**63:
        raise InvalidTask({"depends_on": [f"{other_id!r} is not the id of a task"]})
    if kind not in DependencyKind.values:
        raise InvalidTask({"depends_on": [f"{kind!r} is not one of {', '.join(DependencyKind.values)}"]})
    return other_id, kind


def _one_edit_at_a_time() -> None:
    """Two edits that name different tasks could close a circle together, unseen by either. Until the transaction ends;
    SQLite lets only one write anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [EDITS_LOCK])


def _locked(kinds: dict[int, str], task_id: int | None) -> dict[int, Task]:
    """Those that exist, locked together with the task itself in the order of their ids: what ends first was mostly
    submitted first, and ends lock what depends on them."""
    ids = [*kinds] if task_id is None else [*kinds, task_id]
    if not ids:
        return {}
    rows = Task.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk").only("status")
    return {task.pk: task for task in rows if task.pk in kinds}


def _is_never(tasks: dict[int, Task], other_id: int, kind: str) -> bool:
    return other_id in tasks and dependency_verdict(kind, tasks[other_id].status) is False


def _never(other: Task, kind: str) -> str:
    return f"Task {other.pk} is {other.status} already, so “{kind}” can never be met."
