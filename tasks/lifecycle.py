"""Every change of a task's status: the only writer of Task.status, Task.current_fence and of how a task ended.

One verb, one transaction: a filtered UPDATE on (id, allowed statuses, fence) that must hit one row, the sub agent's own
change, the history row, what was held released, dependants freed, pages told on commit. Callers are the API, pages,
admin, agents' reports and the server's loops; none of them writes a status itself. Who may call is their business.
"""

from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, F, QuerySet, Value, When
from django.utils import timezone

from agents import doorbell
from agents.models import Agent
from agents.states import Standing
from scheduler_site.shared.actors import SYSTEM, Actor
from scheduler_site.shared.errors import Conflict, SubAgentClosed
from tasks import gangs, logs, messages, sub_agent_lifecycle
from tasks.history import record, record_many
from tasks.models import Dependency, SubAgent, Task
from tasks.outcome import Outcome, pause_seconds, result_columns, task_status
from tasks.scheduling import wakeup
from tasks.scheduling.rows import lanes
from tasks.states import (
    CLAIMED_STATES,
    LIVE_STATES,
    EndReason,
    SubAgentState,
    TaskStatus,
    dependency_verdict,
)


@transaction.atomic
def submit(task: Task, dependencies: Sequence[tuple[Task, str]], *, actor: Actor) -> Task:
    """Store a new, checked task: blocked while a dependency is open, else waiting.
    Dependencies are locked by the caller."""
    task.unmet = sum(dependency_verdict(kind, other.status) is None for other, kind in dependencies)
    task.status = TaskStatus.BLOCKED if task.unmet else TaskStatus.WAITING
    task.waiting_since = None if task.unmet else timezone.now()
    for name, value in lanes.columns_of(task).items():
        setattr(task, name, value)
    task.save(force_insert=True)
    _add_dependencies(task.pk, dependencies)
    record(task.pk, "submitted", actor=actor, new=task.status)
    _news([task.pk])
    return task


@transaction.atomic
def place(task_id: int, agents: Sequence[Agent]) -> list[SubAgent]:
    """waiting -> waiting with a fence: a sub agent is assigned on each of `agents`, in the order of their ranks; the
    fence is the leader's. The caller adds the allocations."""
    leader = agents[0]
    fences = [sub_agent_lifecycle.next_fence() for _ in agents]
    _update(
        Task.objects.filter(pk=task_id, status=TaskStatus.WAITING, current_fence=None),
        task_id,
        "place",
        current_fence=fences[0],
        attempt_no=F("attempt_no") + 1,
        agent_id=str(leader.pk),
        agent_name=leader.name,
    )
    attempt_no = Task.objects.values_list("attempt_no", flat=True).get(pk=task_id)
    members = [
        sub_agent_lifecycle.assign(task_id, agent.pk, attempt_no, fence, rank)
        for rank, (agent, fence) in enumerate(zip(agents, fences, strict=True))
    ]
    where = ", ".join(agent.name for agent in agents)
    _note(task_id, "placed", SYSTEM, "waiting", "waiting", f"on {where}", members[0])
    for agent in agents:
        doorbell.ring(agent.pk)
    return members


@transaction.atomic
def claim(sub_agent: SubAgent, nonce: str, master_port: int | None = None) -> bool:
    """The host accepts. The same nonce again is the same claim (its reply was lost). False: other hosts of the gang
    have not accepted yet, so this one may not start it and asks again."""
    task = _locked(sub_agent.task_id)
    sub_agent.refresh_from_db()
    if sub_agent.state in CLAIMED_STATES and sub_agent.claim_nonce == nonce:
        return True
    if task.is_final or not gangs.is_of_live_attempt(task, sub_agent):
        raise SubAgentClosed(f"{sub_agent} is {sub_agent.state}.", state=sub_agent.state)
    host = sub_agent.agent.name if gangs.is_gang(task) else task.agent_name
    has_accepted = sub_agent.claim_nonce == nonce
    if not has_accepted and not Agent.objects.filter(pk=sub_agent.agent_id, standing=Standing.ACTIVE).exists():
        raise SubAgentClosed(f"{host} gets no new work; an operator decided so.", state=sub_agent.state)
    if gangs.is_gang(task) and not gangs.accept(sub_agent, nonce, master_port):
        return False
    sub_agent_lifecycle.claim(sub_agent, nonce)
    record(task.pk, "claimed", actor=Actor.agent(host), sub_agent=sub_agent)
    return True


@transaction.atomic
def start(sub_agent: SubAgent, *, pid: int | None, actor: Actor) -> None:
    """waiting -> running: the script executes, in a gang its first. Said twice, even at the same moment, is said
    once."""
    if sub_agent.state != SubAgentState.STARTING:
        return
    task = _locked(sub_agent.task_id)
    sub_agent.refresh_from_db(fields=["state", "digest"])
    if sub_agent.state != SubAgentState.STARTING:
        return
    now = timezone.now()
    sub_agent_lifecycle.start(sub_agent, pid, now)
    if gangs.is_gang(task) and task.status == TaskStatus.RUNNING:
        return
    _update(_row_of(task, sub_agent, TaskStatus.WAITING), task.pk, "start", status=TaskStatus.RUNNING, start_time=now)
    _note(sub_agent.task_id, "started", actor, "waiting", "running", "", sub_agent)


@transaction.atomic
def give_back(sub_agent: SubAgent, state: SubAgentState, detail: str, *, actor: Actor) -> None:
    """The attempt is void, it never executed: the task waits again, or is canceled if that was asked meanwhile."""
    task = _locked(sub_agent.task_id)
    sub_agent_lifecycle.void(sub_agent, state, detail)
    if gangs.is_gang(task):
        gangs.break_up(sub_agent)
        _settle_gang(task, sub_agent, actor)
    else:
        _void(task, sub_agent, detail, actor)


@transaction.atomic
def finish(sub_agent: SubAgent, outcome: Outcome, *, actor: Actor) -> None:
    """A claimed attempt ended: the task is final, or waits again when a retry is left.
    SubAgentClosed if it ended before."""
    task = _locked(sub_agent.task_id)
    if gangs.is_gang(task):
        outcome = gangs.explained(sub_agent, outcome)
    sub_agent_lifecycle.finish(sub_agent, outcome)
    logs.begin_draining(sub_agent, outcome.sizes)
    if gangs.is_gang(task):
        _finish_member(task, sub_agent, outcome, actor)
    else:
        _conclude(task, sub_agent, outcome, actor)


@transaction.atomic
def cancel(task_id: int, *, actor: Actor, reason: str = "", kill_now: bool = False) -> Task:
    """Not claimed yet: canceled at once, never executed. Claimed: the host is asked to stop it, and `kill_now` skips
    the grace. Asking again in the same words changes nothing, so that a repeated request kills nobody."""
    task = _locked(task_id)
    if task.is_final:
        raise Conflict(f"Task {task_id} has ended already: {task.status}.", status=task.status)
    live = list(SubAgent.objects.filter(task=task, state__in=LIVE_STATES))
    if any(sub_agent.state != SubAgentState.ASSIGNED for sub_agent in live):
        return _request_cancel(task, live, actor, reason, kill_now)
    for sub_agent in live:
        sub_agent_lifecycle.void(sub_agent, SubAgentState.REVOKED, "canceled before the host accepted")
        doorbell.ring(sub_agent.agent_id)
    row = Task.objects.filter(pk=task_id, status=task.status, current_fence=task.current_fence)
    _end(row, task, TaskStatus.CANCELED, EndReason.CANCEL, reason, actor, next(iter(live), None))
    task.refresh_from_db()
    return task


@transaction.atomic
def edit(task_id: int, changes: dict[str, Any], *, actor: Actor) -> Task:
    """Change checked columns of a task that is not on a host yet."""
    row, task = _changeable(task_id)
    row.update(**changes)
    row.update(**lanes.columns_of(Task.objects.get(pk=task_id)))
    changed = sorted(name for name, value in changes.items() if getattr(task, name) != value)
    record(task_id, "edited", actor=actor, reason=", ".join(changed))
    _news([task_id])
    return Task.objects.get(pk=task_id)


@transaction.atomic
def depend_on(task_id: int, dependencies: Sequence[tuple[Task, str]], *, actor: Actor) -> None:
    """Replace the dependencies of a task that is not on a host yet; it blocks or waits accordingly."""
    row, task = _changeable(task_id)
    Dependency.objects.filter(task_id=task_id).delete()
    unmet = _add_dependencies(task_id, dependencies)
    status = TaskStatus.BLOCKED if unmet else TaskStatus.WAITING
    row.update(status=status, unmet=unmet, waiting_since=None if unmet else task.waiting_since or timezone.now())
    after = ", ".join(f"{kind} #{other.pk}" for other, kind in dependencies) or "nothing"
    record(task_id, "edited", actor=actor, old=task.status, new=status, reason=f"depends on {after}")
    _news([task_id])


def _locked(task_id: int) -> Task:
    """The task's row, locked until the transaction ends: always before those of its sub agents and dependants."""
    return Task.objects.select_for_update().get(pk=task_id)


def _changeable(task_id: int) -> tuple[Any, Task]:
    """The row, locked, of a task that is not on a host, and what it says; Conflict otherwise."""
    task = _locked(task_id)
    if task.status not in (TaskStatus.BLOCKED, TaskStatus.WAITING) or task.current_fence is not None:
        where = f" on {task.agent_name}" if task.current_fence is not None else ""
        raise Conflict(f"Task {task_id} is {task.status}{where}; only a task that still waits can be changed.")
    return Task.objects.filter(pk=task_id), task


def _add_dependencies(task_id: int, dependencies: Sequence[tuple[Task, str]]) -> int:
    """Returns how many of them are open."""
    verdicts = [(other, kind, dependency_verdict(kind, other.status)) for other, kind in dependencies]
    Dependency.objects.bulk_create(
        Dependency(task_id=task_id, depends_on=other, kind=kind, is_satisfied=verdict is True)
        for other, kind, verdict in verdicts
    )
    return sum(verdict is None for _, _, verdict in verdicts)


def _row_of(task: Task, sub_agent: SubAgent, *statuses: TaskStatus) -> QuerySet[Task]:
    """The task's row as long as it has one of `statuses` and this attempt is the live one."""
    fence = task.current_fence if gangs.is_of_live_attempt(task, sub_agent) else sub_agent.fence
    return Task.objects.filter(pk=task.pk, status__in=statuses, current_fence=fence)


def _void(task: Task, sub_agent: SubAgent, detail: str, actor: Actor) -> None:
    row = _row_of(task, sub_agent, TaskStatus.WAITING)
    if task.cancel_requested_at is not None:
        _end(row, task, TaskStatus.CANCELED, EndReason.CANCEL, task.cancel_reason, actor, sub_agent)
        return
    delay = pause_seconds(task.voids) if task.voids else 0.0  # the first time may be any host's bad moment
    _update(row, task.pk, "give back", **_waiting_again(delay), voids=F("voids") + 1)
    _note(task.pk, sub_agent.state, actor, "waiting", "waiting", detail, sub_agent)


def _conclude(task: Task, sub_agent: SubAgent, outcome: Outcome, actor: Actor) -> None:
    row = _row_of(task, sub_agent, TaskStatus.WAITING, TaskStatus.RUNNING)
    status = task_status(outcome)
    if status == TaskStatus.FAILED and _may_retry(task, outcome):
        again = _waiting_again(pause_seconds(task.retries_used))
        _update(row, task.pk, "retry", **again, retries_used=F("retries_used") + 1)
        _note(task.pk, "retried", actor, task.status, "waiting", outcome.detail or outcome.reason, sub_agent)
        return
    _end(
        row, task, status, outcome.reason, outcome.detail, actor, sub_agent, **result_columns(outcome, task.start_time)
    )


def _finish_member(task: Task, sub_agent: SubAgent, outcome: Outcome, actor: Actor) -> None:
    """One member of a gang ended: the others go on only if it succeeded. The task's result is the leader's."""
    if sub_agent.rank == 0:
        task.result = outcome.result
        task.save(update_fields=["result"])
    if outcome.state != SubAgentState.SUCCEEDED:
        gangs.break_up(sub_agent)
    reason = f"rank {sub_agent.rank}: {sub_agent.state}"
    record(task.pk, "member_ended", actor=actor, reason=reason, sub_agent=sub_agent)
    _settle_gang(task, sub_agent, actor)


def _settle_gang(task: Task, sub_agent: SubAgent, actor: Actor) -> None:
    """Nothing while a member lives; after the last, what they are together."""
    members = gangs.members_of(sub_agent)
    if any(member.is_live for member in members):
        messages.announce([task.pk])
    elif gangs.are_void(members):
        culprit = gangs.culprit_of(members) or sub_agent
        _void(task, culprit, gangs.sentence(culprit), actor)
    else:
        decisive, outcome = gangs.outcome_of(members, task)
        _conclude(task, decisive, outcome, actor)


def _request_cancel(task: Task, live: Sequence[SubAgent], actor: Actor, reason: str, kill_now: bool) -> Task:
    detail = "canceled before all hosts had begun"
    changed = [gangs.end_member(member, EndReason.CANCEL, detail, now=kill_now) for member in live]
    if not any(changed) and task.cancel_requested_at:
        return task
    if task.cancel_requested_at is None:
        task.cancel_requested_at, task.cancel_reason = timezone.now(), reason[:300]
        task.save(update_fields=["cancel_requested_at", "cancel_reason"])
    record(task.pk, "cancel_requested", actor=actor, reason=reason, sub_agent=live[0], now=kill_now)
    messages.announce([task.pk])
    return task


def _may_retry(task: Task, outcome: Outcome) -> bool:
    return outcome.may_run_again and task.cancel_requested_at is None and task.retries_used < task.retries


def _waiting_again(delay: float) -> dict[str, Any]:
    """Columns of a task that leaves its host and waits, not to be placed within `delay` seconds."""
    now = timezone.now()
    return {
        "status": TaskStatus.WAITING,
        "current_fence": None,
        "agent_id": "",
        "agent_name": "",
        "start_time": None,
        "result": None,
        "waiting_since": now,
        "not_before": now + timedelta(seconds=delay) if delay else None,
    }


def _end(
    row: Any, task: Task, status: str, reason: str, detail: str, actor: Actor, sub_agent: Any, **columns: Any
) -> None:
    """Make a task final and settle whoever depends on it."""
    _update(
        row,
        task.pk,
        "end",
        status=status,
        current_fence=None,
        end_time=timezone.now(),
        end_reason=reason,
        end_detail=detail[:500],
        **columns,
    )
    record(task.pk, "ended", actor=actor, old=task.status, new=status, reason=detail or reason, sub_agent=sub_agent)
    _news([task.pk, *_settle_dependants(task.pk, status)])


def _settle_dependants(task_id: int, status: str) -> list[int]:
    """Free or cancel what depends on an ended task, and on what that cancels, however deep.
    Returns the changed tasks."""
    changed: list[int] = []
    ended = deque([(task_id, status)])
    while ended:
        other_id, other_status = ended.popleft()
        satisfied, hopeless = _sorted_dependants(other_id, other_status)
        changed += _satisfy(other_id, satisfied)
        changed += _cancel_dependants(other_id, other_status, hopeless)
        ended.extend((dependant_id, TaskStatus.CANCELED) for dependant_id in hopeless)
    return changed


def _sorted_dependants(other_id: int, other_status: str) -> tuple[list[int], list[int]]:
    """Blocked dependants whose dependency is met now, and those for which it never will be. They are locked first and
    their edges read then, so that an edit or another end at the same moment is seen."""
    edges = Dependency.objects.filter(depends_on_id=other_id, is_satisfied=False, task__status=TaskStatus.BLOCKED)
    ids = list(edges.values_list("task_id", flat=True))
    if not ids:
        return [], []
    list(Task.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk", flat=True))
    verdicts = [
        (dependant_id, dependency_verdict(kind, other_status))
        for dependant_id, kind in edges.values_list("task_id", "kind")
    ]
    return [pk for pk, verdict in verdicts if verdict], [pk for pk, verdict in verdicts if verdict is False]


def _satisfy(other_id: int, dependant_ids: list[int]) -> list[int]:
    """One dependency fewer; those with none left wait from now on. Returns these."""
    if not dependant_ids:
        return []
    Dependency.objects.filter(depends_on_id=other_id, task_id__in=dependant_ids).update(is_satisfied=True)
    freed = list(Task.objects.filter(pk__in=dependant_ids, unmet=1).values_list("pk", flat=True))
    Task.objects.filter(pk__in=dependant_ids).update(
        unmet=F("unmet") - 1,
        status=Case(When(unmet=1, then=Value(TaskStatus.WAITING)), default=F("status")),
        waiting_since=Case(When(unmet=1, then=Value(timezone.now())), default=F("waiting_since")),
    )
    record_many(freed, "unblocked", actor=SYSTEM, old="blocked", new="waiting", reason=f"after #{other_id}")
    return freed


def _cancel_dependants(other_id: int, other_status: str, dependant_ids: list[int]) -> list[int]:
    if not dependant_ids:
        return []
    detail = f"Task #{other_id} {_ENDED[other_status]}, so this one can never start."
    Task.objects.filter(pk__in=dependant_ids).update(
        status=TaskStatus.CANCELED, end_time=timezone.now(), end_reason=EndReason.DEPENDENCY, end_detail=detail
    )
    record_many(dependant_ids, "ended", actor=SYSTEM, old="blocked", new="canceled", reason=detail)
    return dependant_ids


_ENDED = {"completed": "completed", "failed": "failed", "canceled": "was canceled"}


def _update(row: Any, task_id: int, verb: str, **columns: Any) -> None:
    """The compare-and-set: exactly one row, or Conflict with what the task really is."""
    if row.update(**columns) != 1:
        actual = Task.objects.values_list("status", "current_fence").get(pk=task_id)
        raise Conflict(f"Cannot {verb} task {task_id}: it is {actual[0]} (fence {actual[1]}).", status=actual[0])


def _note(task_id: int, verb: str, actor: Actor, old: str, new: str, reason: str, sub_agent: SubAgent) -> None:
    record(task_id, verb, actor=actor, old=old, new=new, reason=reason, sub_agent=sub_agent)
    _news([task_id])


def _news(task_ids: Sequence[int]) -> None:
    """Tell pages and ask for a scheduling pass; both happen only if the transaction commits."""
    messages.announce(task_ids)
    wakeup.request_pass()
