"""I12: a task is placed only after all it depends on ended as required, and counts rightly what is still open."""

from collections.abc import Iterator

from django.db.models import Count, F, OuterRef, Q, Subquery

from tasks.invariants.violation import Violation, broken, some
from tasks.models import Dependency, Task, TaskEvent
from tasks.states import FINAL_STATUSES, DependencyKind, TaskStatus

_EVENTS = TaskEvent.objects.order_by("-id").values("id")
_MET = (
    Q(kind=DependencyKind.AFTERANY, depends_on__status__in=FINAL_STATUSES)
    | Q(kind=DependencyKind.AFTEROK, depends_on__status=TaskStatus.COMPLETED)
    | Q(kind=DependencyKind.AFTERNOTOK, depends_on__status__in=(TaskStatus.FAILED, TaskStatus.CANCELED))
)


def placed_after_its_dependencies() -> Iterator[Violation]:
    """Dependencies that were changed after the last placement say nothing about it."""
    rows = Dependency.objects.annotate(
        placed=Subquery(_EVENTS.filter(task=OuterRef("task"), verb="placed")[:1]),
        changed=Subquery(_EVENTS.filter(task=OuterRef("task"), verb="edited").exclude(to_state="")[:1]),
        ended=Subquery(_EVENTS.filter(task=OuterRef("depends_on"), to_state__in=FINAL_STATUSES)[:1]),
    ).filter(placed__isnull=False)
    rows = rows.filter(Q(changed=None) | Q(changed__lt=F("placed")))
    for row in some(rows.filter(Q(ended=None) | Q(ended__gt=F("placed")) | ~_MET).values("task_id", "depends_on_id")):
        sentence = f"Task {row['task_id']} was placed before task {row['depends_on_id']} had ended as required."
        yield broken(12, sentence, row["task_id"], row["depends_on_id"])


def marked_as_they_are() -> Iterator[Violation]:
    wrong = Q(_MET, is_satisfied=False, task__status=TaskStatus.BLOCKED, depends_on__is_unsettled=False) | Q(
        ~_MET, is_satisfied=True
    )
    for row in some(Dependency.objects.filter(wrong).values("task_id", "depends_on_id", "is_satisfied")):
        word = "met" if row["is_satisfied"] else "open"
        sentence = f"Task {row['task_id']} takes its dependency on {row['depends_on_id']} for {word}, which it is not."
        yield broken(12, sentence, row["task_id"], row["depends_on_id"])
    counted = Task.objects.filter(status__in=(TaskStatus.BLOCKED, TaskStatus.WAITING, TaskStatus.RUNNING))
    counted = counted.annotate(open=Count("dependencies", filter=Q(dependencies__is_satisfied=False)))
    for task_id, unmet, count in some(counted.exclude(unmet=F("open")).values_list("pk", "unmet", "open")):
        yield broken(12, f"Task {task_id} counts {unmet} open dependencies and has {count}.", task_id)
