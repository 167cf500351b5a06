"""A result that came after its attempt was given up: what it says, and running the tasks that were canceled for it.

No final state is rewritten: dependants that were canceled are submitted anew, once, with a row in the history.
"""

from collections.abc import Sequence
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
    succeed late, or that was done before."""
    task = Task.objects.select_for_update().get(pk=task_id)
    late = late_result_of(task)
    if late is None or not late.can_run_dependants:
        raise Conflict(f"Task {task_id} has no late success whose dependants wait to be run.")
    copies: dict[int, Task] = {}
    waiting = _all_canceled_for(task)
    while ready := [one for one in waiting if _is_ready(one, task, copies)]:
        for one in ready:
            copies[one.pk] = lifecycle.submit(_copy_of(one), _dependencies(one, task, copies), actor=actor)
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


def _all_canceled_for(task: Task) -> list[Task]:
    """And for those in turn."""
    found: dict[int, Task] = {}
    level = [task.pk]
    while level:
        fresh = [one for one in _canceled_for(level) if one.pk not in found]
        found |= {one.pk: one for one in fresh}
        level = [one.pk for one in fresh]
    return [found[pk] for pk in sorted(found)]


def _is_ready(one: Task, root: Task, copies: dict[int, Task]) -> bool:
    """All it depends on is the task itself, has its copy, or may still be met; else it stays canceled."""
    return all(
        edge.depends_on_id == root.pk
        or edge.depends_on_id in copies
        or dependency_verdict(edge.kind, edge.depends_on.status) is not False
        for edge in _edges(one)
    )


def _dependencies(one: Task, root: Task, copies: dict[int, Task]) -> list[tuple[Task, str]]:
    others = [edge for edge in _edges(one) if edge.depends_on_id != root.pk]
    return [(copies.get(edge.depends_on_id, edge.depends_on), edge.kind) for edge in others]


def _edges(one: Task) -> list[Dependency]:
    return list(Dependency.objects.filter(task=one).select_related("depends_on"))


def _copy_of(one: Task) -> Task:
    """What its user asked for, and nothing of what became of it."""
    columns: dict[str, Any] = {
        field.attname: getattr(one, field.attname)
        for field in Task._meta.concrete_fields
        if field.editable and not field.primary_key
    }
    return Task(**columns)
