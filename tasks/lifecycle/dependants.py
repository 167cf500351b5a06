"""What the end of a task means for those that depend on it."""

from collections import deque

from django.db.models import Case, F, Value, When
from django.utils import timezone

from scheduler_site.shared.actors import SYSTEM
from tasks.history import record_many
from tasks.models import Dependency, Task
from tasks.states import EndReason, TaskStatus, dependency_verdict


def settle_dependants(task_id: int, status: str) -> list[int]:
    """Free or cancel what depends on an ended task, and on what that cancels, however deep.
    Returns the changed tasks."""
    changed: list[int] = []
    ended = deque([(task_id, status)])
    while ended:
        other_id, other_status = ended.popleft()
        satisfied, hopeless = _sorted_dependants(other_id, other_status)
        changed += _satisfy(other_id, satisfied)
        changed += _cancel_dependants(other_id, other_status, hopeless)
        ended.extend((dependant_id, TaskStatus.CANCELED) for dependant_id in hopeless)
    return changed


def _sorted_dependants(other_id: int, other_status: str) -> tuple[list[int], list[int]]:
    """Blocked dependants whose dependency is met now, and those for which it never will be. They are locked first and
    their edges read then, so that an edit or another end at the same moment is seen."""
    edges = Dependency.objects.filter(depends_on_id=other_id, is_satisfied=False, task__status=TaskStatus.BLOCKED)
    ids = list(edges.values_list("task_id", flat=True))
    if not ids:
        return [], []
    list(Task.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk", flat=True))
    verdicts = [
        (dependant_id, dependency_verdict(kind, other_status))
        for dependant_id, kind in edges.values_list("task_id", "kind")
    ]
    return [pk for pk, verdict in verdicts if verdict], [pk for pk, verdict in verdicts if verdict is False]


def _satisfy(other_id: int, dependant_ids: list[int]) -> list[int]:
    """One dependency fewer; those with none left wait from now on. Returns these."""
    if not dependant_ids:
        return []
    Dependency.objects.filter(depends_on_id=other_id, task_id__in=dependant_ids).update(is_satisfied=True)
    freed = list(Task.objects.filter(pk__in=dependant_ids, unmet=1).values_list("pk", flat=True))
    Task.objects.filter(pk__in=dependant_ids).update(
        unmet=F("unmet") - 1,
        status=Case(When(unmet=1, then=Value(TaskStatus.WAITING)), default=F("status")),
        waiting_since=Case(When(unmet=1, then=Value(timezone.now())), default=F("waiting_since")),
    )
    record_many(freed, "unblocked", actor=SYSTEM, old="blocked", new="waiting", reason=f"after #{other_id}")
    return freed


def _cancel_dependants(other_id: int, other_status: str, dependant_ids: list[int]) -> list[int]:
    if not dependant_ids:
        return []
    detail = f"Task #{other_id} {_ENDED[other_status]}, so this one can never start."
    Task.objects.filter(pk__in=dependant_ids).update(
        status=TaskStatus.CANCELED, end_time=timezone.now(), end_reason=EndReason.DEPENDENCY, end_detail=detail
    )
    record_many(dependant_ids, "ended", actor=SYSTEM, old="blocked", new="canceled", reason=detail)
    return dependant_ids


_ENDED = {"completed": "completed", "failed": "failed", "canceled": "was canceled"}
