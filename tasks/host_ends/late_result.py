"""A result that came after its attempt was given up: what it says, and running the tasks that were canceled for it.

No final state is rewritten: dependants that were canceled are submitted anew, once, with a row in the history.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict
from tasks import lifecycle
from tasks.history import record
from tasks.models import Dependency, Task, TaskEvent
from tasks.states import EndReason, TaskStatus, dependency_verdict

RUN = "dependants_run"
MOST_AT_ONCE = 1000


@dataclass(frozen=True)
class LateResult:
    """Of the latest attempt. `can_run_dependants`: it succeeded after all, and somebody was canceled for its loss."""

    sentence: str
    can_run_dependants: bool


def late_result_of(task: Task) -> LateResult | None:
    """None for a task that is open, or whose end was told in time."""
    if not task.is_final:
        return None
    event = _event_of(task)
    if event is None:
        return None
    code = event.detail.get("exit_code")
    how = f"exit code {code}" if code is not None else event.reason or "it was stopped"
    runs = code == 0 and not task.events.filter(verb=RUN).exists() and bool(_canceled_for([task.pk]))
    return LateResult(f"The host told its end later: {how}.", runs)


@transaction.atomic
def run_dependants(task_id: int, *, actor: Actor) -> list[Task]:
    """Submit anew what was canceled because this task was given up, as if it had completed. Conflict when it did not
    succeed late, that was done before, or they are too many for one transaction."""
    canceled = _all_canceled_for(task_id)
    edges = _edges_of(canceled)
    known = canceled | _locked(task_id, edges, canceled)
    late = late_result_of(known[task_id])
    if late is None or not late.can_run_dependants:
        raise Conflict(f"Task {task_id} has no late success whose dependants wait to be run.")
    copies: dict[int, Task] = {}
    waiting = list(canceled.values())
    while ready := [one for one in waiting if _is_ready(edges[one.pk], task_id, known, copies)]:
        for one in ready:
            others = [edge for edge in edges[one.pk] if edge.depends_on_id != task_id]
            needs = [(copies.get(edge.depends_on_id, known[edge.depends_on_id]), edge.kind) for edge in others]
            copies[one.pk] = lifecycle.submit(_copy_of(one), needs, actor=actor)
        waiting = [one for one in waiting if one.pk not in copies]
    numbers = ", ".join(f"#{copy.pk} for #{old}" for old, copy in copies.items())
    record(task_id, RUN, actor=actor, reason=f"submitted anew: {numbers}")
    return list(copies.values())


def _event_of(task: Task) -> TaskEvent | None:
    found = TaskEvent.objects.filter(task=task, verb="late_result", sub_agent__attempt_no=task.attempt_no)
    return found.order_by("-id").first()


def _canceled_for(task_ids: Sequence[int]) -> list[Task]:
    rows = Task.objects.filter(status=TaskStatus.CANCELED, end_reason=EndReason.DEPENDENCY)
    return list(rows.filter(dependencies__depends_on__in=task_ids, dependencies__kind="afterok").distinct())


def _all_canceled_for(task_id: int) -> dict[int, Task]:
    """And for those in turn, by their ids."""
    found: dict[int, Task] = {}
    level = [task_id]
    while level:
        fresh = {one.pk: one for one in _canceled_for(level) if one.pk not in found}
        found |= fresh
        level = list(fresh)
        if len(found) > MOST_AT_ONCE:
            raise Conflict(f"More than {MOST_AT_ONCE} tasks were canceled for task {task_id}; submit them in parts.")
    return dict(sorted(found.items()))


def _edges_of(canceled: Mapping[int, Task]) -> dict[int, list[Dependency]]:
    found: dict[int, list[Dependency]] = {task_id: [] for task_id in canceled}
    for edge in Dependency.objects.filter(task__in=list(canceled)).order_by("pk"):
        found[edge.task_id].append(edge)
    return found


def _locked(task_id: int, edges: Mapping[int, list[Dependency]], canceled: Mapping[int, Task]) -> dict[int, Task]:
    """The task itself and what else they depend on, in the order of the ids: none of these ends while it is looked
    at, so no copy waits for an end that has been."""
    others = {edge.depends_on_id for several in edges.values() for edge in several} - set(canceled)
    rows = Task.objects.select_for_update(no_key=True).filter(pk__in={task_id, *others}).order_by("pk")
    return {row.pk: row for row in rows.defer("script_content")}


def _is_ready(edges: Iterable[Dependency], root: int, known: Mapping[int, Task], copies: Container[int]) -> bool:
    """All it depends on is the task itself, has its copy, or may still be met; else it stays canceled."""
    return all(
        edge.depends_on_id == root
        or edge.depends_on_id in copies
        or dependency_verdict(edge.kind, known[edge.depends_on_id].status) is not False
        for edge in edges
    )


def _copy_of(one: Task) -> Task:
    """What its user asked for, and nothing of what became of it."""
    columns: dict[str, Any] = {
        field.attname: getattr(one, field.attname)
        for field in Task._meta.concrete_fields
        if field.editable and not field.primary_key
    }
    return Task(**columns)
