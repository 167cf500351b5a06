"""I1, I2, I10: attempts are numbered without holes, their fences rise, and a task has a fence if and only if one of
its attempts is live."""

from collections.abc import Iterator

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, Window
from django.db.models.functions import Lag

from tasks.invariants.violation import Violation, broken, some
from tasks.models import FenceCounter, SubAgent, Task
from tasks.states import LIVE_STATES, VOID_STATES, TaskStatus

_LIVE = SubAgent.objects.filter(task=OuterRef("pk"), state__in=LIVE_STATES)
_LATEST = SubAgent.objects.filter(task=OuterRef("pk"), attempt_no=OuterRef("attempt_no"))


def one_live_attempt() -> Iterator[Violation]:
    """Only a gang has several live members, one of each rank, and all of one attempt."""
    live = SubAgent.objects.filter(state__in=LIVE_STATES).order_by()
    counts = live.values("task_id", "task__node_count").annotate(
        count=Count("pk"), attempts=Count("attempt_no", distinct=True), ranks=Count("rank", distinct=True)
    )
    wrong = Q(attempts__gt=1) | Q(count__gt=F("ranks")) | Q(count__gt=F("task__node_count"))
    for row in some(counts.filter(wrong)):
        yield broken(1, f"Task {row['task_id']} has {row['count']} live sub agents.", row["task_id"])


def fence_iff_live() -> Iterator[Violation]:
    tasks = Task.objects.order_by("pk")
    for task_id in some(tasks.filter(~Exists(_LIVE), current_fence__isnull=False).values_list("pk", flat=True)):
        yield broken(2, f"Task {task_id} has a fence, but none of its sub agents is live.", task_id)
    for task_id in some(tasks.filter(Exists(_LIVE), current_fence=None).values_list("pk", flat=True)):
        yield broken(2, f"Task {task_id} has no fence, but a sub agent of it is live.", task_id)
    leader = _LATEST.filter(rank=0, fence=OuterRef("current_fence"))
    live_of_latest = _LATEST.filter(state__in=LIVE_STATES)
    fenced = tasks.filter(Exists(_LIVE), current_fence__isnull=False)
    for task_id in some(fenced.exclude(Exists(leader), Exists(live_of_latest)).values_list("pk", flat=True)):
        yield broken(2, f"The fence of task {task_id} is not that of its live attempt.", task_id)


def running_iff_started() -> Iterator[Violation]:
    """A task is running from the first start of its live attempt on."""
    started = _LATEST.filter(started_at__isnull=False)
    tasks = Task.objects.filter(current_fence__isnull=False).order_by("pk")
    for task_id in some(tasks.filter(~Exists(started), status=TaskStatus.RUNNING).values_list("pk", flat=True)):
        yield broken(2, f"Task {task_id} is running, but none of its sub agents has started.", task_id)
    for task_id in some(tasks.filter(Exists(started)).exclude(status=TaskStatus.RUNNING).values_list("pk", flat=True)):
        yield broken(2, f"A sub agent of task {task_id} has started, but the task is not running.", task_id)


def numbered_without_holes() -> Iterator[Violation]:
    counts = SubAgent.objects.order_by().values("task_id", "task__attempt_no")
    counts = counts.annotate(first=Min("attempt_no"), last=Max("attempt_no"), n=Count("attempt_no", distinct=True))
    wrong = ~Q(first=1) | ~Q(last=F("n")) | ~Q(last=F("task__attempt_no"))
    for row in some(counts.filter(wrong)):
        yield broken(10, f"The attempts of task {row['task_id']} are not numbered 1 to its latest.", row["task_id"])
    never = Task.objects.filter(~Exists(SubAgent.objects.filter(task=OuterRef("pk"))), attempt_no__gt=0)
    for task_id in some(never.values_list("pk", flat=True)):
        yield broken(10, f"Task {task_id} counts attempts, but there are none.", task_id)


def ranks_without_holes() -> Iterator[Violation]:
    counts = SubAgent.objects.order_by().values("task_id", "attempt_no")
    for row in some(counts.annotate(last=Max("rank"), n=Count("pk")).exclude(n=F("last") + 1)):
        sentence = f"The members of attempt {row['attempt_no']} of task {row['task_id']} have ranks with holes."
        yield broken(10, sentence, row["task_id"])


def fences_rise() -> Iterator[Violation]:
    before = Window(Lag("fence"), partition_by=F("task_id"), order_by=[F("attempt_no").asc(), F("rank").asc()])
    rows = SubAgent.objects.annotate(before=before).filter(before__gte=F("fence")).order_by("fence")
    for row in some(rows.values("pk", "task_id", "attempt_no")):
        sentence = f"The fence of attempt {row['attempt_no']} of task {row['task_id']} is not above the one before."
        yield broken(10, sentence, row["task_id"], row["pk"])
    highest = SubAgent.objects.aggregate(highest=Max("fence"))["highest"] or 0
    counter = FenceCounter.objects.aggregate(value=Max("value"))["value"] or 0
    if highest > counter:
        yield broken(10, f"The counter of fences stands at {counter}, below the fence {highest} that was given out.")


def executed_as_often_as_allowed() -> Iterator[Violation]:
    """Attempts that may have executed: the first, and one for each retry that was used."""
    executed = (
        SubAgent.objects.exclude(state__in=VOID_STATES)
        .order_by()
        .values("task_id", "task__retries_used", "task__failovers")
    )
    counts = executed.annotate(n=Count("attempt_no", distinct=True)).filter(
        n__gt=F("task__retries_used") + F("task__failovers") + 1
    )
    for row in some(counts):
        sentence = f"Task {row['task_id']} was executed {row['n']} times after {row['task__retries_used']} retries."
        yield broken(10, sentence, row["task_id"])
