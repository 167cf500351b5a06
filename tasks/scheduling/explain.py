"""Why a task waits, in one sentence. Reads rows and asks the planner's own fit; changes nothing."""

from collections.abc import Sequence

from django.utils import timezone

from agents.models import Agent
from agents.states import Connectivity, Standing
from tasks.models import Task
from tasks.scheduling import fit, hosts
from tasks.scheduling.request import site_resource_names, task_request
from tasks.scheduling.values import Host, Refusal, Shape
from tasks.scheduling.wording import needs
from tasks.states import TaskStatus

SHOWN_HOSTS = 3


def waiting_sentence(task: Task) -> str:
    """Empty when the task neither waits nor is blocked."""
    return waiting_sentences([task])[task.pk]


def waiting_sentences(tasks: Sequence[Task]) -> dict[int, str]:
    """The sentence of each task by its id; hosts are looked at once for all, and not at all when nobody waits."""
    queued = any(task.status == TaskStatus.WAITING and task.current_fence is None for task in tasks)
    able = hosts.load(hosts.schedulable()) if queued else []
    site_names = site_resource_names() if queued else frozenset()
    return {task.pk: _sentence(task, able, site_names) for task in tasks}


def _sentence(task: Task, able: list[Host], site_names: frozenset[str]) -> str:
    if task.status == TaskStatus.BLOCKED:
        return _blocked_sentence(task)
    if task.status != TaskStatus.WAITING:
        return ""
    if task.current_fence is not None:
        return f"Placed on {task.agent_name}; it has not started yet."
    if task.not_before is not None and task.not_before > timezone.now():
        return f"Tries again at {task.not_before:%H:%M:%S} UTC."
    return _queue_sentence(task_request(task, site_names).shape, able)


def _blocked_sentence(task: Task) -> str:
    """Uses what the caller prefetched (tasks.querysets)."""
    rows = [row for row in task.dependencies.all() if not row.is_satisfied]
    names = [f"#{row.depends_on_id} ({row.depends_on.status})" for row in rows[:SHOWN_HOSTS]]
    more = f" and {len(rows) - SHOWN_HOSTS} more" if len(rows) > SHOWN_HOSTS else ""
    return "Waits for " + ", ".join(names) + more + "."


def _queue_sentence(shape: Shape, able: list[Host]) -> str:
    if not able and not Agent.objects.exists():
        return "No host has connected yet."
    refusals = [refusal for host in able if (refusal := fit.refusal(shape, host)) is not None]
    if len(refusals) < len(able):
        return "Next in line; it starts within a moment."
    if not able:
        return f"No host takes work now: {_absent()}."
    if all(refusal.is_final for refusal in refusals):
        return f"No host that is online can ever run this: needs {needs(shape)}; {_reasons(refusals)}."
    return f"Needs {needs(shape)}; {_reasons([refusal for refusal in refusals if not refusal.is_final])}."


def _reasons(refusals: list[Refusal]) -> str:
    shown = [f"{refusal.host} {refusal.reason}" for refusal in refusals[:SHOWN_HOSTS]]
    more = len(refusals) - len(shown)
    return ", ".join(shown) + (f", and {more} more hosts likewise" if more > 0 else "")


def _absent() -> str:
    paused = Agent.objects.exclude(standing=Standing.ACTIVE).count()
    offline = Agent.objects.exclude(connectivity=Connectivity.ONLINE).count()
    full = Agent.objects.filter(accepts_work=False).count()
    counts = [(offline, "offline"), (paused, "paused"), (full, "not accepting work")]
    return ", ".join(f"{count} {word}" for count, word in counts if count) or "none is active"
