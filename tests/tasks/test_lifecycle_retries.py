"""Retries in the rows: the three cases stay apart, and the next attempt goes elsewhere first."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tasks.models import SubAgent, Task
from tasks.outcome import Outcome, lost, state_of
from tasks.scheduling import run
from tasks.scheduling.explaining.explain import waiting_sentence
from tasks.scheduling.explaining.why import why
from tasks.scheduling.rows import lanes
from tasks.scheduling.values import KEEP_OFF_SECONDS
from tasks.states import EndReason, SubAgentState
from tests.factories import make_agent, make_allocation, make_task

pytestmark = pytest.mark.django_db


def placed(**fields: Any) -> SubAgent:
    """On the host a, and running."""
    task = make_task(**fields)
    (sub_agent,) = lifecycle.place(task.pk, [Agent.objects.filter(name="a").first() or make_agent("a")])
    lifecycle.claim(sub_agent, "nonce")
    lifecycle.start(sub_agent, pid=1, actor=SYSTEM)
    return sub_agent


def ended(reason: EndReason, exit_code: int | None = None, **fields: Any) -> Task:
    sub_agent = placed(**fields)
    lifecycle.finish(sub_agent, Outcome(state_of(reason, exit_code), reason, exit_code=exit_code), actor=SYSTEM)
    return Task.objects.get(pk=sub_agent.task_id)


def later(task: Task, seconds: float) -> Task:
    """As if the clock had gone on: it waits so long already."""
    moment = timezone.now() - timedelta(seconds=seconds)
    Task.objects.filter(pk=task.pk).update(waiting_since=moment, not_before=None)
    task.refresh_from_db()
    return task


def hosts_after_a_pass(task: Task) -> list[str]:
    while not run.run_pass():
        pass
    live = SubAgent.objects.filter(task=task, state=SubAgentState.ASSIGNED)
    return list(live.values_list("agent__name", flat=True))


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"retries": 1}, "waiting"),
        ({"retries": 1, "retry_on": ["script"]}, "waiting"),
        ({"retries": 1, "retry_exit_codes": [3]}, "waiting"),
        ({"retries": 0}, "failed"),
        ({"retries": 1, "retry_on": ["host", "oom"]}, "failed"),
        ({"retries": 1, "retry_exit_codes": [4, 5]}, "failed"),
    ],
)
def test_a_script_that_failed_is_repeated_only_when_it_was_asked_for(fields: dict[str, Any], status: str) -> None:
    task = ended(EndReason.EXIT, 3, **fields)
    assert (task.status, task.retries_used) == (status, int(status == "waiting"))


def test_what_never_executed_is_placed_again_without_using_a_retry() -> None:
    task = make_task(retries=1, retry_on=["oom"])
    (sub_agent,) = lifecycle.place(task.pk, [make_agent("a")])
    lifecycle.give_back(sub_agent, SubAgentState.REJECTED, "disk_full", actor=SYSTEM)
    task.refresh_from_db()
    assert (task.status, task.retries_used, task.voids) == ("waiting", 0, 1)


@pytest.mark.parametrize(("is_proven", "status"), [(True, "waiting"), (False, "failed")])
def test_a_lost_host_is_replaced_only_when_it_is_proven_that_nothing_runs_there(is_proven: bool, status: str) -> None:
    sub_agent = placed(retries=1, retry_on=["host_lost"])
    lifecycle.finish(sub_agent, lost(EndReason.HOST_LOST, "silent", is_proven=is_proven), actor=SYSTEM)
    assert Task.objects.get(pk=sub_agent.task_id).status == status


def test_the_next_attempt_goes_to_another_host_and_waits_for_it_a_while() -> None:
    make_agent("b", cpu_cores=1)
    task = later(ended(EndReason.SIGNAL, retries=1), 0)
    assert task.avoid_hosts == ["a"]
    (other,) = lifecycle.place(make_task().pk, [Agent.objects.get(name="b")])
    make_allocation(other)
    assert hosts_after_a_pass(task) == []
    sentence = f"There is room on a, but it failed there lately; until {until(task)} UTC it waits for another host."
    assert waiting_sentence(task) == sentence
    foreseen = why(task).starts_at
    assert foreseen is not None
    assert abs((foreseen - task.waiting_since).total_seconds() - KEEP_OFF_SECONDS) < 5
    lifecycle.give_back(other, SubAgentState.REVOKED, "", actor=SYSTEM)
    assert hosts_after_a_pass(task) == ["b"]


def test_after_a_while_the_same_host_will_do() -> None:
    make_agent("b", cpu_cores=1)
    task = later(ended(EndReason.SIGNAL, retries=1), KEEP_OFF_SECONDS)
    (other,) = lifecycle.place(make_task().pk, [Agent.objects.get(name="b")])
    make_allocation(other)
    assert waiting_sentence(task) == "Next in line; it starts within a moment."
    assert hosts_after_a_pass(task) == ["a"]


def test_the_only_host_that_could_is_used_again_at_once() -> None:
    make_agent("small", cpu_cores=1)
    make_agent("paused", standing="paused")
    task = later(ended(EndReason.SIGNAL, retries=1, cpu_cores=2), 0)
    assert hosts_after_a_pass(task) == ["a"]


def test_a_task_that_may_use_the_host_is_not_kept_from_it_by_one_that_may_not() -> None:
    """They have the same shape; who keeps off stands before the other in the queue."""
    make_agent("b", cpu_cores=1)
    first = later(ended(EndReason.SIGNAL, retries=1, priority=1), 0)
    second = later(ended(EndReason.SIGNAL, retries=1, priority=2), KEEP_OFF_SECONDS)
    (other,) = lifecycle.place(make_task().pk, [Agent.objects.get(name="b")])
    make_allocation(other)
    assert hosts_after_a_pass(second) == ["a"]
    assert hosts_after_a_pass(first) == []


def test_the_lane_goes_with_the_hosts_it_avoids() -> None:
    task, fresh = ended(EndReason.SIGNAL, retries=1), make_task(retries=1)
    assert task.lane != fresh.lane
    assert task.lane == lanes.columns_of(task)["lane"]


def test_who_failed_on_every_host_still_runs_somewhere() -> None:
    make_agent("b")
    task = ended(EndReason.SIGNAL, retries=3)
    for _ in range(2):
        (host,) = hosts_after_a_pass(later(task, 0))
        sub_agent = SubAgent.objects.get(task=task, state=SubAgentState.ASSIGNED)
        lifecycle.give_back(sub_agent, SubAgentState.REJECTED, f"{host} cannot", actor=SYSTEM)
        task.refresh_from_db()
    assert set(task.avoid_hosts) == {"a", "b"}


def until(task: Task) -> str:
    assert task.waiting_since is not None
    return f"{task.waiting_since + timedelta(seconds=KEEP_OFF_SECONDS):%H:%M:%S}"
