"""Every situation a task can be in x every verb: what it becomes, or the refusal. The tables are the whole truth."""

from collections.abc import Callable

import pytest
from django.db import transaction

from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import DomainError
from tasks import lifecycle
from tasks.models import Allocation, SubAgent, Task
from tasks.outcome import Outcome, lost
from tasks.states import (
    LIVE_STATES,
    SUB_AGENT_EDGES,
    TASK_EDGES,
    EndReason,
    SubAgentState,
    TaskStatus,
)
from tests.factories import make_agent, make_sub_agent, make_task

pytestmark = pytest.mark.django_db

REFUSED = "refused"


def blocked() -> Task:
    return make_task(TaskStatus.BLOCKED)


def waiting() -> Task:
    return make_task(TaskStatus.WAITING)


def assigned() -> Task:
    return make_sub_agent(state=SubAgentState.ASSIGNED).task


def starting() -> Task:
    return make_sub_agent(state=SubAgentState.STARTING, claim_nonce="the-nonce").task


def running() -> Task:
    return make_sub_agent(state=SubAgentState.RUNNING, claim_nonce="the-nonce").task


def held() -> Task:
    return lifecycle.hold(make_task(TaskStatus.WAITING).pk, actor=SYSTEM)


def completed() -> Task:
    return make_task(TaskStatus.COMPLETED)


def failed() -> Task:
    return make_task(TaskStatus.FAILED)


def canceled() -> Task:
    return make_task(TaskStatus.CANCELED, agent=make_agent())


SITUATIONS = [blocked, waiting, held, assigned, starting, running, completed, failed, canceled]


def latest(task: Task) -> SubAgent:
    """The latest attempt; for a task that has none, an attempt that ended long ago."""
    return task.sub_agents.order_by("-attempt_no").first() or make_sub_agent(task, state=SubAgentState.REVOKED)


def place(task: Task) -> None:
    agent = Agent.objects.first() or make_agent()
    with transaction.atomic():  # the caller's, which a refusal undoes
        lifecycle.place(task.pk, [agent])


def claim(task: Task) -> None:
    lifecycle.claim(latest(task), "another-nonce")


def start(task: Task) -> None:
    lifecycle.start(latest(task), pid=1, actor=SYSTEM)


def revoke(task: Task) -> None:
    lifecycle.give_back(latest(task), SubAgentState.REVOKED, "late", actor=SYSTEM)


def reject(task: Task) -> None:
    lifecycle.give_back(latest(task), SubAgentState.REJECTED, "disk_full", actor=SYSTEM)


def not_started(task: Task) -> None:
    lifecycle.give_back(latest(task), SubAgentState.NOT_STARTED, "no start record", actor=SYSTEM)


def succeed(task: Task) -> None:
    lifecycle.finish(latest(task), Outcome(SubAgentState.SUCCEEDED, EndReason.EXIT, exit_code=0), actor=SYSTEM)


def fail(task: Task) -> None:
    lifecycle.finish(latest(task), Outcome(SubAgentState.FAILED, EndReason.EXIT, exit_code=1), actor=SYSTEM)


def time_out(task: Task) -> None:
    lifecycle.finish(latest(task), Outcome(SubAgentState.TIMED_OUT, EndReason.TIMEOUT), actor=SYSTEM)


def stopped(task: Task) -> None:
    lifecycle.finish(latest(task), Outcome(SubAgentState.CANCELED, EndReason.CANCEL), actor=SYSTEM)


def lose(task: Task) -> None:
    lifecycle.finish(latest(task), lost(EndReason.NO_RECORD, "gone", is_proven=True), actor=SYSTEM)


def cancel(task: Task) -> None:
    lifecycle.cancel(task.pk, actor=SYSTEM)


def hold(task: Task) -> None:
    lifecycle.hold(task.pk, actor=SYSTEM)


def release(task: Task) -> None:
    lifecycle.release(task.pk, actor=SYSTEM)


def edit(task: Task) -> None:
    lifecycle.edit(task.pk, {"priority": 1}, actor=SYSTEM)


def depend_on_an_open_task(task: Task) -> None:
    lifecycle.depend_on(task.pk, [(make_task(), "afterok")], actor=SYSTEM)


# What each situation becomes: (task status, sub agent state). "refused": an error, and nothing changed.
TABLE: dict[Callable[[Task], None], dict[str, tuple[str, str]]] = {
    place: {"waiting": ("waiting", "assigned")},
    claim: {"assigned": ("waiting", "starting")},
    start: {
        "starting": ("running", "running"),
        # Said again, or said of something that ended: nothing happens, and that is no error.
        "assigned": ("waiting", "assigned"),
        "running": ("running", "running"),
        "completed": ("completed", "succeeded"),
        "failed": ("failed", "failed"),
        "canceled": ("canceled", "canceled"),
        "waiting": ("waiting", "revoked"),
        "held": ("waiting", "revoked"),
        "blocked": ("blocked", "revoked"),
    },
    revoke: {"assigned": ("waiting", "revoked")},
    reject: {"assigned": ("waiting", "rejected")},
    not_started: {"starting": ("waiting", "not_started")},
    succeed: {"starting": ("completed", "succeeded"), "running": ("completed", "succeeded")},
    fail: {"starting": ("failed", "failed"), "running": ("failed", "failed")},
    time_out: {"starting": ("failed", "timed_out"), "running": ("failed", "timed_out")},
    stopped: {"starting": ("canceled", "canceled"), "running": ("canceled", "canceled")},
    lose: {"starting": ("failed", "lost"), "running": ("failed", "lost")},
    cancel: {
        "blocked": ("canceled", ""),
        "waiting": ("canceled", ""),
        "held": ("canceled", ""),
        "assigned": ("canceled", "revoked"),
        "starting": ("waiting", "starting"),
        "running": ("running", "running"),
    },
    hold: {"blocked": ("blocked", ""), "waiting": ("waiting", ""), "held": ("waiting", "")},
    release: {"blocked": ("blocked", ""), "waiting": ("waiting", ""), "held": ("waiting", "")},
    edit: {"blocked": ("blocked", ""), "waiting": ("waiting", ""), "held": ("waiting", "")},
    depend_on_an_open_task: {"blocked": ("blocked", ""), "waiting": ("blocked", ""), "held": ("blocked", "")},
}

CELLS = [
    pytest.param(situation, verb, outcomes.get(situation.__name__), id=f"{situation.__name__}-{verb.__name__}")
    for verb, outcomes in TABLE.items()
    for situation in SITUATIONS
]


@pytest.mark.parametrize(("situation", "verb", "expected"), CELLS)
def test_matrix(situation: Callable[[], Task], verb: Callable[[Task], None], expected: tuple[str, str] | None) -> None:
    task = situation()
    if verb not in (place, cancel, hold, release, edit, depend_on_an_open_task):
        latest(task)  # made before the snapshot when there is none
    task.refresh_from_db()
    before, attempt_before, events = row(task), attempt(task), task.events.count()
    if expected is None:
        with pytest.raises(DomainError):
            verb(task)
        assert (row(task), attempt(task), task.events.count()) == (before, attempt_before, events)
    else:
        verb(task)
        assert (row(task)["status"], attempt(task)["state"] or "") == expected
        assert (before["status"], row(task)["status"]) in TASK_EDGES or before["status"] == row(task)["status"]
        if attempt(task)["state"] != attempt_before["state"]:
            assert (attempt_before["state"] or "", attempt(task)["state"]) in SUB_AGENT_EDGES
    check_invariants()


def row(task: Task) -> dict:
    return Task.objects.values("status", "current_fence", "attempt_no", "end_reason", "exit_code").get(pk=task.pk)


def attempt(task: Task) -> dict:
    found = task.sub_agents.order_by("-attempt_no").values("state", "fence", "end_reason").first()
    return found or {"state": None}


def check_invariants() -> None:
    """A fence is set if and only if exactly one sub agent is live; only live ones hold anything."""
    for task in Task.objects.all():
        live = list(task.sub_agents.filter(state__in=LIVE_STATES))
        assert [sub_agent.fence for sub_agent in live] == ([task.current_fence] if task.current_fence else [])
    held = Allocation.objects.filter(released_at__isnull=True)
    assert not held.exclude(sub_agent__state__in=LIVE_STATES).exists()


def test_canceling_a_running_task_is_a_request_until_the_host_has_stopped_it() -> None:
    task = running()
    lifecycle.cancel(task.pk, actor=SYSTEM, reason="wrong data")
    task.refresh_from_db()
    assert (task.status, task.cancel_reason, task.current_fence is not None) == ("running", "wrong data", True)
    assert latest(task).stop_reason == "cancel"


@pytest.mark.parametrize("give", [reject, revoke])
def test_a_task_that_was_given_back_waits_longer_each_time(give: Callable[[Task], None]) -> None:
    task = assigned()
    give(task)
    task.refresh_from_db()
    assert task.not_before is None
    lifecycle.place(task.pk, [Agent.objects.get()])
    give(task)
    task.refresh_from_db()
    assert task.not_before is not None
    assert task.voids == 2


def test_each_retry_waits_twice_as_long_from_2_seconds_to_5_minutes() -> None:
    task = waiting()
    Task.objects.filter(pk=task.pk).update(retries=20)
    pauses = []
    for _ in range(12):
        lifecycle.place(task.pk, [Agent.objects.first() or make_agent()])
        claim(task)
        fail(task)
        task.refresh_from_db()
        assert task.not_before is not None
        assert task.waiting_since is not None
        pauses.append((task.not_before - task.waiting_since).total_seconds())
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]


def test_other_dependencies_cost_a_waiting_task_no_age() -> None:
    task = waiting()
    lifecycle.depend_on(task.pk, [], actor=SYSTEM)
    assert Task.objects.get(pk=task.pk).waiting_since == task.waiting_since
    assert task.events.get().reason == "depends on nothing"


def test_an_edit_says_what_it_changed() -> None:
    task = waiting()
    edited = lifecycle.edit(task.pk, {"priority": 1, "name": task.name}, actor=SYSTEM)
    assert edited.priority == 1
    assert task.events.get().reason == "priority"


def test_not_started_after_a_cancel_was_asked_is_canceled() -> None:
    task = starting()
    lifecycle.cancel(task.pk, actor=SYSTEM)
    not_started(task)
    task.refresh_from_db()
    assert (task.status, task.end_reason) == ("canceled", "cancel")


def test_a_lost_attempt_that_may_still_run_is_never_tried_again() -> None:
    task = running()
    Task.objects.filter(pk=task.pk).update(retries=3)
    lifecycle.finish(latest(task), lost(EndReason.HOST_LOST, "a day", is_proven=False), actor=SYSTEM)
    task.refresh_from_db()
    assert task.status == "failed"


def test_fences_rise_over_all_tasks() -> None:
    agent = make_agent()
    fences = [lifecycle.place(make_task().pk, [agent])[0].fence for _ in range(5)]
    assert fences == sorted(set(fences))


def test_a_deep_chain_of_dependants_is_canceled_to_its_end() -> None:
    first = make_task()
    last = first
    for _ in range(300):
        last = make_task(TaskStatus.BLOCKED, depends_on=[last])
    lifecycle.cancel(first.pk, actor=SYSTEM)
    last.refresh_from_db()
    assert (last.status, last.end_reason) == ("canceled", "dependency")
    assert not Task.objects.exclude(status="canceled").exists()


def test_a_wide_fan_is_freed_at_once_and_a_join_waits_for_the_last() -> None:
    roots = [running(), running()]
    join = make_task(TaskStatus.BLOCKED, depends_on=roots)
    fan = [make_task(TaskStatus.BLOCKED, depends_on=[roots[0]]) for _ in range(50)]
    succeed(roots[0])
    assert set(Task.objects.filter(pk__in=[task.pk for task in fan]).values_list("status", flat=True)) == {"waiting"}
    join.refresh_from_db()
    assert (join.status, join.unmet) == ("blocked", 1)
    succeed(roots[1])
    join.refresh_from_db()
    assert (join.status, join.unmet) == ("waiting", 0)


@pytest.mark.parametrize(
    ("kind", "end", "expected"),
    [
        ("afterok", succeed, "waiting"),
        ("afterok", fail, "canceled"),
        ("afterok", stopped, "canceled"),
        ("afterany", succeed, "waiting"),
        ("afterany", fail, "waiting"),
        ("afterany", stopped, "waiting"),
        ("afternotok", succeed, "canceled"),
        ("afternotok", fail, "waiting"),
        ("afternotok", stopped, "waiting"),
    ],
)
def test_kinds_of_dependency(kind: str, end: Callable[[Task], None], expected: str) -> None:
    first = running()
    second = make_task(TaskStatus.BLOCKED, depends_on=[(first, kind)])
    end(first)
    second.refresh_from_db()
    assert second.status == expected
