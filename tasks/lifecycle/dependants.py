"""What the end of a task means for those that depend on it: freed, or canceled with all that depends on them in turn.

Iterative and in bounded batches. What one batch leaves is marked on the ended tasks (Task.is_unsettled) in the same
transaction, so that a server that is killed in between goes on where it was.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from django.db import connection, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone

from scheduler_site.shared import statements
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.statements import Plus
from tasks.history import record_each
from tasks.lifecycle import doomed, rows
from tasks.models import Dependency, Task
from tasks.states import DependencyKind, EndReason, TaskStatus

BATCH = 500
ROOTS = 100
_ENDED = {"completed": "completed", "failed": "failed", "canceled": "was canceled"}
_IS_BLOCKED = Exists(Task.objects.filter(pk=OuterRef("task_id"), status=TaskStatus.BLOCKED))


def settle_dependants(ended: Iterable[int]) -> list[int]:
    """One batch, inside the transaction that ended these tasks or a later one. Returns the changed tasks."""
    roots = list(ended)
    edges = _edges_of(roots)
    canceled = _cancel(roots) if edges else []
    if not canceled and _are_few(edges):
        freed = _satisfy_few(roots[0], edges) if edges else []
        statements.update(Task, {"pk": roots, "is_unsettled": True}, is_unsettled=False)
        return freed
    return [*canceled, *_settle_many(roots, canceled)]


def _settle_many(roots: list[int], canceled: list[int]) -> list[int]:
    """A batch of them."""
    sources = [*roots, *canceled]
    freed = _satisfy(sources)
    open_edges = _open_edges().filter(depends_on__in=sources)
    left = set(open_edges.order_by().values_list("depends_on_id", flat=True).distinct())
    Task.objects.filter(pk__in=left).update(is_unsettled=True)
    Task.objects.filter(pk__in=set(roots) - left, is_unsettled=True).update(is_unsettled=False)
    return freed


def _edges_of(roots: list[int]) -> list[tuple[int, int, int, str]]:
    """Unsatisfied ones: id, who depends, on whom, and how."""
    names = ["id", "task_id", "depends_on_id", "kind"]
    return statements.rows(Dependency, names, {"depends_on_id": roots, "is_satisfied": False})


def _are_few(edges: list[tuple[int, int, int, str]]) -> bool:
    """Of one ended task, and all can be settled now. Where rows are locked, several have to be in one order."""
    most = 1 if connection.features.has_select_for_update else BATCH
    return len({edge[2] for edge in edges}) <= 1 and len(edges) <= most


def _satisfy_few(root: int, edges: list[tuple[int, int, int, str]]) -> list[int]:
    """As `_satisfy`, without the ORM: of a long chain it would be most of what the end of a task costs. None of these
    is doomed, so that none is left."""
    known = statements.row(Task, ["status"], {"pk": root})
    is_good = known is not None and known[0] == TaskStatus.COMPLETED
    kinds = {DependencyKind.AFTERANY, DependencyKind.AFTEROK if is_good else DependencyKind.AFTERNOTOK}
    wanted = {"pk": [task_id for _, task_id, _, _ in edges], "status": TaskStatus.BLOCKED}
    unmet = dict(statements.rows(Task, ["id", "unmet"], wanted, locked=True))
    met = [edge for edge in _edges_of([root]) if edge[1] in unmet and edge[3] in kinds]  # an edit may have come before
    if not met:
        return []
    statements.update(Dependency, {"pk": [edge_id for edge_id, _, _, _ in met]}, is_satisfied=True)
    freed: list[int] = []
    for count, counted in _by_count(Counter(edge[1] for edge in met)).items():
        freed += _count_few_down(counted, count, unmet)
    record_each(dict.fromkeys(freed, f"after #{root}"), "unblocked", actor=SYSTEM, old="blocked", new="waiting")
    return freed


def _count_few_down(task_ids: list[int], count: int, unmet: Mapping[int, int]) -> list[int]:
    freed = [task_id for task_id in task_ids if unmet[task_id] == count]
    rest = [task_id for task_id in task_ids if unmet[task_id] != count]
    if freed:
        waiting = {"status": TaskStatus.WAITING, "waiting_since": timezone.now()}
        statements.update(Task, {"pk": freed}, unmet=Plus(-count), **waiting)
    if rest:
        statements.update(Task, {"pk": rest}, unmet=Plus(-count))
    return freed


@transaction.atomic
def settle_left() -> bool:
    """One batch of what earlier ones left. False: nothing was."""
    left = Task.objects.filter(is_unsettled=True).order_by("pk")
    ids = list(left.select_for_update(no_key=True).values_list("pk", flat=True)[:ROOTS])
    if ids:
        rows.news(settle_dependants(ids))
    return bool(ids)


def _open_edges() -> QuerySet[Dependency]:
    """Not by a join: SQLite would go through all that are blocked, not through the edges."""
    return Dependency.objects.filter(_IS_BLOCKED, is_satisfied=False)


def _met_by(sources: list[int]) -> Q:
    good = list(Task.objects.filter(pk__in=sources, status=TaskStatus.COMPLETED).values_list("pk", flat=True))
    bad = list(set(sources) - set(good))
    kinds = DependencyKind.AFTERANY, DependencyKind.AFTEROK, DependencyKind.AFTERNOTOK
    return Q(depends_on__in=good, kind__in=kinds[:2]) | Q(depends_on__in=bad, kind__in=(kinds[0], kinds[2]))


def _cancel(roots: list[int]) -> list[int]:
    """Cancel those that can never start any more, however deep. They are locked first and their edges read then, so
    that an edit at the same moment is seen."""
    found = doomed.found_below(roots, BATCH)
    if not found:
        return []
    locked = Task.objects.select_for_update(no_key=True).filter(pk__in=found, status=TaskStatus.BLOCKED).order_by("pk")
    ids = list(locked.values_list("pk", flat=True))
    edges = _open_edges().filter(task__in=ids).values_list("task_id", "depends_on_id", "kind")
    ended = dict(Task.objects.filter(pk__in=roots).values_list("pk", "status"))
    because = doomed.reached(ended, edges)
    words = {
        task_id: f"Task #{other} {_ENDED[ended.get(other, 'canceled')]}, so this one can never start."
        for task_id, other in because.items()
    }
    Task.objects.filter(pk__in=words).update(
        status=TaskStatus.CANCELED,
        end_time=timezone.now(),
        end_reason=EndReason.DEPENDENCY,
        held_at=None,
        held_reason="",
    )
    _explain(words)
    record_each(words, "ended", actor=SYSTEM, old="blocked", new="canceled")
    return list(words)


def _explain(words: Mapping[int, str]) -> None:
    """Each its own sentence: as one UPDATE with so many cases it would cost more than all the rest."""
    with connection.cursor() as cursor:
        rows_of = [(text, task_id) for task_id, text in words.items()]
        cursor.executemany("UPDATE tasks_task SET end_detail = %s WHERE id = %s", rows_of)


def _satisfy(sources: list[int]) -> list[int]:
    """Fewer open dependencies; those with none left wait from now on. Returns these."""
    met = _open_edges().filter(_met_by(sources))
    ids = set(met.order_by("id").values_list("task_id", flat=True)[:BATCH])
    if not ids:
        return []
    list(Task.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk").values_list("pk", flat=True))
    edges = list(met.filter(task__in=ids).values_list("id", "task_id", "depends_on_id"))
    Dependency.objects.filter(pk__in=[edge_id for edge_id, _, _ in edges]).update(is_satisfied=True)
    after = {task_id: f"after #{other}" for _, task_id, other in edges}
    freed: list[int] = []
    for count, counted in _by_count(Counter(task_id for _, task_id, _ in edges)).items():
        freed += _count_down(counted, count)
    words = {task_id: after[task_id] for task_id in freed}
    record_each(words, "unblocked", actor=SYSTEM, old="blocked", new="waiting")
    return freed


def _by_count(counts: Counter[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for task_id, count in counts.items():
        found.setdefault(count, []).append(task_id)
    return found


def _count_down(task_ids: list[int], count: int) -> list[int]:
    freed = list(Task.objects.filter(pk__in=task_ids, unmet=count).values_list("pk", flat=True))
    Task.objects.filter(pk__in=task_ids).update(
        unmet=F("unmet") - count,
        status=Case(When(unmet=count, then=Value(TaskStatus.WAITING)), default=F("status")),
        waiting_since=Case(When(unmet=count, then=Value(timezone.now())), default=F("waiting_since")),
    )
    return freed
