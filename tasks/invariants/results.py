"""I4: a result is written once. A task's result is that of its last attempt; `observed` and `changed` compare two
looks at the same database."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q

from tasks.invariants.violation import Violation, broken, some
from tasks.models import SubAgent, Task, TaskEvent
from tasks.states import FINAL_STATUSES, LIVE_STATES, TaskStatus

Observed = dict[Any, tuple[Any, ...]]


def ended_once() -> Iterator[Violation]:
    ends = TaskEvent.objects.filter(to_state__in=FINAL_STATUSES).order_by().values("task_id")
    for row in some(ends.annotate(n=Count("pk")).filter(n__gt=1)):
        yield broken(4, f"Task {row['task_id']} has ended {row['n']} times.", row["task_id"])


def result_is_its_attempts() -> Iterator[Violation]:
    """Completed means that every member of the last attempt succeeded; the exit code is that of one of them."""
    latest = SubAgent.objects.filter(task=OuterRef("pk"), attempt_no=OuterRef("attempt_no"))
    completed = Task.objects.filter(status=TaskStatus.COMPLETED)
    without = completed.filter(Q(~Exists(latest)) | Q(Exists(latest.exclude(state="succeeded"))))
    for task_id in some(without.values_list("pk", flat=True)):
        yield broken(4, f"Task {task_id} is completed, but its last attempt did not succeed.", task_id)
    ended = Task.objects.filter(status__in=FINAL_STATUSES, exit_code__isnull=False)
    other = ended.exclude(Exists(latest.filter(exit_code=OuterRef("exit_code"))))
    for task_id in some(other.values_list("pk", flat=True)):
        yield broken(4, f"The exit code of task {task_id} is not that of its last attempt.", task_id)


def observed() -> Observed:
    """All results, for `changed` to compare with later."""
    columns = ("pk", "state", "exit_code", "exit_signal", "end_reason", "digest")
    found = {row[0]: row[1:] for row in SubAgent.objects.exclude(state__in=LIVE_STATES).values_list(*columns)}
    tasks = Task.objects.filter(status__in=FINAL_STATUSES).annotate(ended=F("end_time"))
    return found | {row[0]: row[1:] for row in tasks.values_list("pk", "status", "exit_code", "end_reason", "ended")}


def changed(before: Observed) -> Iterator[Violation]:
    now = observed()
    for pk, result in before.items():
        if now.get(pk) != result:
            yield broken(4, f"The result of {pk} was {result} and is {now.get(pk)}.", pk)
