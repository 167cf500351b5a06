"""Reads of tasks with what lists and details show, in a bounded number of queries. Writes nothing."""

from collections.abc import Sequence

from django.db.models import F, Prefetch, QuerySet

from tasks.models import AllocatedGpu, Dependency, OutputLog, SubAgent, Task
from tasks.states import LIVE_STATES

_UNSHOWN = ("template_version__script_content",)
_OTHER_TASK = ("depends_on__id", "depends_on__name", "depends_on__status")


def for_lists() -> QuerySet[Task]:
    """Tasks with dependencies, submitter, template version and `latest_sub_agent`, but without the script's text."""
    return with_details(Task.objects.defer("script_content"))


def for_details() -> QuerySet[Task]:
    """The same with the script's text."""
    return with_details(Task.objects.all())


def with_details(tasks: QuerySet[Task]) -> QuerySet[Task]:
    """Seven queries more at most, however many tasks."""
    joined = tasks.select_related("submitted_by", "template_version__template").defer(*_UNSHOWN)
    return joined.prefetch_related(
        Prefetch("dependencies", queryset=_dependencies()),
        Prefetch("sub_agents", queryset=_latest_sub_agents(), to_attr="latest_sub_agents"),
    )


def live_sub_agents(states: Sequence[str] = LIVE_STATES) -> QuerySet[SubAgent]:
    """Attempts that have not ended, on any host. `ended_at` is named as well: by it SQLite finds the index of live
    ones; of values that a statement gets separately, such as states, it can prove nothing and would read them all."""
    return SubAgent.objects.filter(ended_at=None, state__in=states)


def sub_agents_of(task: Task) -> QuerySet[SubAgent]:
    """Every attempt of one task, latest first and by rank, with host, GPUs and logs."""
    return _with_place(SubAgent.objects.filter(task=task)).order_by("-attempt_no", "rank")


def _dependencies() -> QuerySet[Dependency]:
    return Dependency.objects.select_related("depends_on").only("task_id", "kind", "is_satisfied", *_OTHER_TASK)


def _latest_sub_agents() -> QuerySet[SubAgent]:
    """The leader comes first."""
    return _with_place(SubAgent.objects.filter(attempt_no=F("task__attempt_no"))).order_by("task", "rank")


def _with_place(sub_agents: QuerySet[SubAgent]) -> QuerySet[SubAgent]:
    cards = AllocatedGpu.objects.select_related("gpu").order_by("gpu__index")
    joined = sub_agents.select_related("allocation", "agent").defer("gpu_info", "agent__gpu_info", "agent__host_facts")
    return joined.prefetch_related(
        Prefetch("allocation__gpus", queryset=cards), Prefetch("logs", queryset=OutputLog.objects.all())
    )
