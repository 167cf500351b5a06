"""Read the dependencies that somebody asks for: known ids, known kinds, no circle, nothing that can never be met.

Finds and locks the tasks; storing the edges is tasks.lifecycle's.
"""

from typing import Any

from tasks.models import Dependency, Task
from tasks.states import DependencyKind, dependency_verdict
from tasks.task_fields import InvalidTask

MOST_DEPENDENCIES = 1000


def resolve(asked: Any, *, task_id: int | None = None) -> list[tuple[Task, str]]:
    """`asked` is [12, {"id": 13, "kind": "afterany"}]. InvalidTask names `depends_on`. Call inside a transaction."""
    kinds = parse(asked)
    tasks = {task.pk: task for task in Task.objects.select_for_update().filter(pk__in=kinds).order_by("pk")}
    problems = [f"Task {other_id} does not exist." for other_id in kinds if other_id not in tasks]
    problems += [_never(tasks[other_id], kind) for other_id, kind in kinds.items() if _is_never(tasks, other_id, kind)]
    if task_id is not None and (circle := circle_through(task_id, list(tasks))):
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
    """The first of `other_ids` from which `task_id` is reached by going up dependencies."""
    for start in other_ids:
        seen: set[int] = set()
        level = {start}
        while level:
            if task_id in level:
                return start
            seen |= level
            above = Dependency.objects.filter(task__in=level).values_list("depends_on_id", flat=True)
            level = set(above) - seen
    return None


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


def _is_never(tasks: dict[int, Task], other_id: int, kind: str) -> bool:
    return other_id in tasks and dependency_verdict(kind, tasks[other_id].status) is False


def _never(other: Task, kind: str) -> str:
    return f"Task {other.pk} is {other.status} already, so “{kind}” can never be met."
