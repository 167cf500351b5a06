"""Why a task waits, in one sentence. Reads rows and asks the planner's own fit; changes nothing."""

from collections.abc import Sequence

from django.utils import timezone

from agents.models import Agent
from agents.states import Connectivity, Standing
from tasks.models import Task
from tasks.scheduling import fit, hosts
from tasks.scheduling.queue import request_of
from tasks.scheduling.values import Host, Refusal, Request
from tasks.states import TaskStatus

SHOWN_HOSTS = 3


def waiting_sentence(task: Task) -> str:
    """Empty when the task neither waits nor is blocked."""
    return waiting_sentences([task])[task.pk]


def waiting_sentences(tasks: Sequence[Task]) -> dict[int, str]:
    """The sentence of each task by its id; hosts are looked at once for all, and not at all when nobody waits."""
    queued = any(task.status == TaskStatus.WAITING and task.current_fence is None for task in tasks)
    able = hosts.load(hosts.schedulable()) if queued else []
    return {task.pk: _sentence(task, able) for task in tasks}


def _sentence(task: Task, able: list[Host]) -> str:
    if task.status == TaskStatus.BLOCKED:
        return _blocked_sentence(task)
    if task.status != TaskStatus.WAITING:
        return ""
    if task.current_fence is not None:
        return f"Placed on {task.agent_name}; it has not started yet."
    if task.not_before is not None and task.not_before > timezone.now():
        return f"Tries again at {task.not_before:%H:%M:%S} UTC."
    return _queue_sentence(request_of(task), able)


def _blocked_sentence(task: Task) -> str:
    """Uses what the caller prefetched (tasks.querysets)."""
    rows = [row for row in task.dependencies.all() if not row.is_satisfied]
    names = [f"#{row.depends_on_id} ({row.depends_on.status})" for row in rows[:SHOWN_HOSTS]]
    more = f" and {len(rows) - SHOWN_HOSTS} more" if len(rows) > SHOWN_HOSTS else ""
    return "Waits for " + ", ".join(names) + more + "."


def _queue_sentence(request: Request, able: list[Host]) -> str:
    if not able and not Agent.objects.exists():
        return "No host has connected yet."
    refusals = [refusal for host in able if (refusal := fit.refusal(request, host)) is not None]
    if len(refusals) < len(able):
        return "Next in line; it starts within a moment."
    if not able:
        return f"No host takes work now: {_absent()}."
    if all(refusal.is_final for refusal in refusals):
        return f"No host that is online can ever run this: needs {needs(request)}; {_reasons(refusals)}."
    return f"Needs {needs(request)}; {_reasons([refusal for refusal in refusals if not refusal.is_final])}."


def needs(request: Request) -> str:
    """ "1 CPU core, 16 GiB and 2 GPUs of 40 GiB" """
    parts = [f"{request.cpu_centicores / 100:g} CPU core{'' if request.cpu_centicores == 100 else 's'}"]
    if request.memory_mib:
        parts.append(f"{request.memory_mib / 1024:.3g} GiB of memory")
    if request.gpu_count:
        of = f" of {request.gpu_memory_mib / 1024:.3g} GiB" if request.gpu_memory_mib else ""
        share = "a share of " if request.gpu_share else ""
        parts.append(f"{share}{request.gpu_count} GPU{'' if request.gpu_count == 1 else 's'}{of}")
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


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
