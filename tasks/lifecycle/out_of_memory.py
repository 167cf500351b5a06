"""An attempt ran out of memory: its end is labelled with what was asked and seen, and the next one may ask for more.

Inside the transactions of the verbs, with the task's row locked. The rules are tasks.shortage's.
"""

from dataclasses import replace
from typing import Any

from scheduler_site.shared.actors import SYSTEM
from tasks import shortage
from tasks.history import record
from tasks.models import SubAgent, Task
from tasks.outcome import Outcome
from tasks.reporting import gpu_use
from tasks.scheduling.rows.largest import largest_for
from tasks.states import EndReason


def labelled(sub_agent: SubAgent, outcome: Outcome) -> Outcome:
    """The same end, told with the figures; other ends as they are."""
    if outcome.reason != EndReason.OOM:
        return outcome
    kind = outcome.oom_kind or shortage.HOST
    words = shortage.label(kind, _asked(sub_agent, kind), _seen(sub_agent, outcome, kind), outcome.oom_evidence)
    return replace(outcome, detail=f"{words} {outcome.detail}".strip(), oom_kind=kind)


def grow(task: Task, sub_agent: SubAgent, outcome: Outcome) -> dict[str, Any]:
    """Columns of a task that tries again; what its user asked for stays as it is. Nothing where nothing grows."""
    if outcome.reason != EndReason.OOM or not (task.oom_memory_factor or task.oom_exclusive):
        return {}
    before = _request(task)
    kind = outcome.oom_kind or shortage.HOST
    changes = shortage.grown(kind, before, _seen(sub_agent, outcome, kind), largest_for(task))
    words = shortage.sentence(before, changes) or "nothing: no host that it may use has more"
    record(task.pk, "grown", actor=SYSTEM, reason=words, sub_agent=sub_agent, **changes)
    task.grown = {**task.grown, **changes}
    return {"grown": task.grown}


def _request(task: Task) -> shortage.Request:
    now = {name: task.grown.get(name, getattr(task, name)) for name in ("memory_mib", "gpu_memory", "gpu_share")}
    return shortage.Request(**now, factor=task.oom_memory_factor, exclusive=task.oom_exclusive)


def _asked(sub_agent: SubAgent, kind: str) -> int | None:
    """What was booked for it: of several cards the least."""
    allocation = getattr(sub_agent, "allocation", None)
    if allocation is None:
        return None
    if kind == shortage.HOST:
        return allocation.memory_mib or None
    return min((card.memory_mib for card in allocation.gpus.all()), default=None)


def _seen(sub_agent: SubAgent, outcome: Outcome, kind: str) -> int | None:
    """The most that was seen of it: a short peak between two looks may be missing."""
    if kind == shortage.HOST:
        return outcome.peak_memory_mib
    return gpu_use.peak_mib(sub_agent)
