"""Gangs: members start together or not at all, one that fails ends all, and the last end is the task's."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from agents import liveness
from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import SubAgentClosed
from tasks import gang_place, lifecycle, recovery
from tasks.describe import end_sentence
from tasks.models import Allocation, SubAgent, Task
from tasks.outcome import Outcome, lost
from tasks.states import LIVE_STATES, EndReason, SubAgentState
from tests.factories import make_agent, make_allocation, make_task

pytestmark = pytest.mark.django_db

SUCCESS = Outcome(SubAgentState.SUCCEEDED, EndReason.EXIT, exit_code=0, result={"loss": 0.5})
FAILURE = Outcome(SubAgentState.FAILED, EndReason.EXIT, exit_code=1)
STOPPED = Outcome(SubAgentState.CANCELED, EndReason.CANCEL, detail="The script was stopped.")
GONE = lost(EndReason.HOST_LOST, "a day", is_proven=False)


def placed(count: int = 3, **fields: Any) -> Task:
    task = make_task(node_count=count, **fields)
    for rank in range(count):
        make_agent(f"gpu-{rank}", machine_id=f"m{rank}", address=f"10.0.0.{rank}")
    return place(task)


def place(task: Task) -> Task:
    for found in lifecycle.place(task.pk, list(Agent.objects.order_by("name"))):
        make_allocation(found)
    return seen(task)


def seen(task: Task) -> Task:
    task.refresh_from_db()
    check_invariants(task)
    return task


def check_invariants(task: Task) -> None:
    """A fence is set if and only if a member lives; who does not live holds nothing; nobody runs alone."""
    live = [member for member in members(task) if member.is_live]
    assert (task.current_fence is not None) == bool(live)
    held = Allocation.objects.filter(released_at=None, sub_agent__task=task)
    assert set(held.values_list("sub_agent", flat=True)) == {member.pk for member in live}
    assert {member.attempt_no for member in live} <= {task.attempt_no}


def members(task: Task) -> list[SubAgent]:
    """Of the latest attempt."""
    return list(task.sub_agents.filter(attempt_no=F("task__attempt_no")).order_by("rank"))


def member(task: Task, rank: int) -> SubAgent:
    return members(task)[rank]


def accept(task: Task, rank: int, *, nonce: str = "", port: int | None = None) -> bool:
    return lifecycle.claim(member(task, rank), nonce or f"nonce-{rank}", port)


def granted(task: Task) -> Task:
    """All accepted and all were told so."""
    for rank in (*range(task.node_count), *range(task.node_count)):
        accept(task, rank, port=40000 + rank)
    assert states(task) == ["starting"] * task.node_count
    return task


def running(task: Task) -> Task:
    for found in members(granted(task)):
        lifecycle.start(found, pid=7, actor=SYSTEM)
    return seen(task)


def end(task: Task, rank: int, outcome: Outcome) -> Task:
    lifecycle.finish(member(task, rank), outcome, actor=SYSTEM)
    return seen(task)


def give_back(task: Task, rank: int, state: str = SubAgentState.REJECTED) -> Task:
    lifecycle.give_back(member(task, rank), SubAgentState(state), "no room", actor=SYSTEM)
    return seen(task)


def states(task: Task) -> list[str]:
    return [found.state for found in members(task)]


# The barrier


def test_nobody_may_start_before_every_host_has_accepted() -> None:
    task = placed()
    assert [accept(task, rank) for rank in (2, 0, 0)] == [False, False, False]
    assert states(task) == ["assigned"] * 3
    assert accept(task, 1)
    assert states(task) == ["assigned", "starting", "assigned"]
    assert accept(task, 0)
    assert accept(task, 2)
    assert states(seen(task)) == ["starting"] * 3
    assert all(accept(task, rank) for rank in range(3))


def test_the_last_to_accept_rings_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    task = placed()
    accept(task, 0)
    accept(task, 1)
    rung: list[object] = []
    monkeypatch.setattr("tasks.gangs.doorbell.ring", rung.append)
    accept(task, 2)
    assert set(rung) == {member(task, 0).agent_id, member(task, 1).agent_id}


def test_the_port_stays_once_a_member_may_have_been_told() -> None:
    task = placed()
    accept(task, 0, port=1111)
    accept(task, 0, port=2222)
    accept(task, 1)
    accept(task, 2)
    accept(task, 0, port=3333)
    assert member(task, 0).master_port == 2222
    told = gang_place.of_member(member(task, 2))
    assert told == {
        "rank": 2,
        "node_count": 3,
        "nodes": [{"name": f"gpu-{rank}", "address": f"10.0.0.{rank}"} for rank in range(3)],
        "master_address": "10.0.0.0",
        "master_port": 2222,
    }


def test_addresses_fall_back_to_host_names_and_to_loopback_on_one_machine() -> None:
    task = placed()
    Agent.objects.update(address="")
    assert gang_place.of_member(member(task, 1))["master_address"] == "gpu-0"
    Agent.objects.update(machine_id="one")
    assert {node["address"] for node in gang_place.of_member(member(task, 1))["nodes"]} == {"127.0.0.1"}
    Agent.objects.update(machine_id="")
    assert gang_place.of_member(member(task, 1))["master_address"] == "gpu-0"


def test_a_host_that_lost_its_folder_accepts_anew() -> None:
    task = placed(2)
    accept(task, 0)
    assert not accept(task, 0, nonce="another")
    assert accept(task, 1)
    assert accept(task, 0, nonce="another")
    with pytest.raises(SubAgentClosed):
        accept(task, 0)


# Nothing has started: all is void


@pytest.mark.parametrize("accepted", [(), (0,), (1, 2)])
def test_one_that_is_rejected_takes_all_back(accepted: tuple[int, ...]) -> None:
    task = placed()
    for rank in accepted:
        accept(task, rank)
    first = {found.pk for found in members(task)}
    task = give_back(task, 0)
    assert (task.status, task.current_fence, task.voids, task.retries_used) == ("waiting", None, 1, 0)
    assert states(task) == ["rejected", "revoked", "revoked"]
    assert task.events.latest("pk").reason == "rank 0 on gpu-0 did not start: no room"
    with pytest.raises(SubAgentClosed):
        accept(task, 1)
    place(task)
    assert not first & {found.pk for found in members(task)}


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "_amnesty_until", 0.0)
    monkeypatch.setattr(recovery, "_last_turn", None)


def aged(task: Task, **columns: float) -> None:
    moments = {name: timezone.now() - timedelta(seconds=seconds) for name, seconds in columns.items()}
    task.sub_agents.update(**moments)


def revoke_overdue(task: Task) -> Task:
    recovery._revoke_unclaimed()
    return seen(task)


def test_one_that_does_not_accept_in_time_takes_all_back(listening: None) -> None:
    task = placed()
    accept(task, 0)
    accept(task, 2)
    assert states(revoke_overdue(task)) == ["assigned"] * 3
    aged(task, created_time=16)
    assert (revoke_overdue(task).status, states(task)) == ("waiting", ["revoked"] * 3)
    assert task.voids == 1
    assert member(task, 1).end_detail == "gpu-1 did not accept it in time"


@pytest.mark.parametrize("rank", [0, 1])
def test_a_paused_host_takes_all_back(listening: None, rank: int) -> None:
    task = placed()
    accept(task, 1)
    Agent.objects.filter(name=f"gpu-{rank}").update(standing="paused")
    assert (revoke_overdue(task).status, states(task)) == ("waiting", ["revoked"] * 3)


def test_a_pause_after_all_accepted_changes_nothing(listening: None) -> None:
    task = placed()
    for rank in range(3):
        accept(task, rank)
    Agent.objects.update(standing="paused")
    assert states(revoke_overdue(task)) == ["assigned", "assigned", "starting"]
    assert accept(task, 0)


def test_one_that_accepted_has_time_to_come_for_its_part(listening: None) -> None:
    task = placed()
    for rank in range(3):
        accept(task, rank)
    aged(task, created_time=600)
    assert states(revoke_overdue(task)) == ["assigned", "assigned", "starting"]
    aged(task, claimed_at=16)
    assert states(revoke_overdue(task)) == ["revoked", "revoked", "starting"]
    assert member(task, 2).stop_reason == "gang"
    task = end(task, 2, STOPPED)
    assert (task.status, task.end_reason) == ("failed", "spawn_error")
    assert "accepted it and did not ask for it again in time" in end_sentence(task)


def test_canceled_before_all_accepted_never_starts() -> None:
    task = placed()
    accept(task, 0)
    accept(task, 1)
    lifecycle.cancel(task.pk, actor=SYSTEM, reason="wrong data")
    assert (seen(task).status, states(task)) == ("canceled", ["revoked"] * 3)


def test_a_member_that_never_started_after_all_were_granted_is_void_too() -> None:
    task = granted(placed())
    give_back(task, 1, SubAgentState.NOT_STARTED)
    assert [found.stop_reason for found in members(task)] == ["gang", "", "gang"]
    give_back(task, 0, SubAgentState.NOT_STARTED)
    assert task.current_fence is not None
    task = give_back(task, 2, SubAgentState.NOT_STARTED)
    assert (task.status, task.voids, task.current_fence) == ("waiting", 1, None)


# Running and the end


def test_the_task_runs_from_its_first_member_on() -> None:
    task = granted(placed())
    lifecycle.start(member(task, 2), pid=7, actor=SYSTEM)
    began = seen(task).start_time
    assert (task.status, began is not None) == ("running", True)
    lifecycle.start(member(task, 0), pid=7, actor=SYSTEM)
    assert seen(task).start_time == began
    assert task.events.filter(verb="started").count() == 1


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_completed_when_all_have_succeeded_with_the_leaders_result(order: tuple[int, ...]) -> None:
    task = running(placed())
    for rank in order[:-1]:
        assert end(task, rank, SUCCESS if rank == 0 else Outcome(SubAgentState.SUCCEEDED, EndReason.EXIT)).status == (
            "running"
        )
    task = end(task, order[-1], SUCCESS if order[-1] == 0 else Outcome(SubAgentState.SUCCEEDED, EndReason.EXIT))
    assert (task.status, task.result, task.exit_code) == ("completed", {"loss": 0.5}, 0)
    assert not [found.stop_reason for found in members(task) if found.stop_reason]


def test_the_first_that_fails_ends_all_and_is_named() -> None:
    task = running(placed())
    task = end(task, 2, FAILURE)
    assert (task.status, states(task)) == ("running", ["running", "running", "failed"])
    assert [found.stop_reason for found in members(task)] == ["gang", "gang", ""]
    end(task, 0, FAILURE)  # its own result stands: it lost its peer before the stop came
    task = end(task, 1, STOPPED)
    assert (task.status, task.exit_code, task.end_reason) == ("failed", 1, "exit")
    assert end_sentence(task) == "Rank 2 on gpu-2 failed: exit code 1."
    assert member(task, 1).end_detail == "Stopped, because rank 2 on gpu-2 failed: exit code 1."


def test_a_failure_before_another_was_granted_takes_that_one_back() -> None:
    task = placed(2)
    accept(task, 0)
    accept(task, 1)
    task = end(task, 1, FAILURE)
    assert (task.status, states(task), task.exit_code) == ("failed", ["revoked", "failed"], 1)
    with pytest.raises(SubAgentClosed):
        accept(task, 0)


def test_a_success_before_another_was_granted_stops_nobody() -> None:
    task = placed(2)
    accept(task, 0)
    accept(task, 1)
    task = end(task, 1, SUCCESS)
    assert accept(task, 0)
    assert end(task, 0, SUCCESS).status == "completed"


def test_a_lost_host_ends_the_others_and_what_may_still_run_is_not_tried_again() -> None:
    task = running(placed(retries=3))
    end(task, 1, GONE)
    end(task, 0, STOPPED)
    task = end(task, 2, STOPPED)
    assert (task.status, task.end_reason, task.retries_used) == ("failed", "host_lost", 0)
    assert end_sentence(task) == "Rank 1 on gpu-1 was lost: a day."


def test_a_retry_runs_the_whole_gang_again() -> None:
    task = running(placed(2, retries=1))
    end(task, 0, FAILURE)
    task = end(task, 1, STOPPED)
    assert (task.status, task.retries_used, task.result) == ("waiting", 1, None)
    assert [found.attempt_no for found in members(place(task))] == [2, 2]


def test_cancel_stops_every_member() -> None:
    task = running(placed())
    lifecycle.cancel(task.pk, actor=SYSTEM, reason="wrong data")
    assert [found.stop_reason for found in members(task)] == ["cancel"] * 3
    lifecycle.cancel(task.pk, actor=SYSTEM, kill_now=True)
    assert all(found.stop_now for found in members(task))
    for rank in (1, 0):
        assert end(task, rank, STOPPED).status == "running"
    task = end(task, 2, STOPPED)
    assert (task.status, task.end_reason) == ("canceled", "cancel")


def test_a_cancel_while_some_are_not_granted_takes_those_back() -> None:
    task = placed()
    for rank in range(3):
        accept(task, rank)
    lifecycle.cancel(task.pk, actor=SYSTEM)
    assert states(seen(task)) == ["revoked", "revoked", "starting"]
    assert give_back(task, 2, SubAgentState.NOT_STARTED).status == "canceled"


def test_a_cancel_does_not_turn_into_a_failure_of_one_that_never_started() -> None:
    task = granted(placed(2))
    lifecycle.cancel(task.pk, actor=SYSTEM)
    give_back(task, 1, SubAgentState.NOT_STARTED)
    assert end(task, 0, STOPPED).status == "canceled"


def test_the_end_of_one_changes_nothing_twice() -> None:
    task = running(placed(2))
    end(task, 0, SUCCESS)
    with pytest.raises(SubAgentClosed):
        end(task, 0, FAILURE)
    assert (seen(task).status, member(task, 1).stop_reason) == ("running", "")


@pytest.mark.parametrize("verb", [lifecycle.finish, lifecycle.give_back])
def test_an_earlier_attempt_cannot_touch_a_later_one(verb: Callable[..., None]) -> None:
    task = placed(2)
    old = member(task, 1)
    task = place(give_back(task, 0))
    argument = (FAILURE,) if verb is lifecycle.finish else (SubAgentState.REVOKED, "late")
    with pytest.raises(SubAgentClosed):
        verb(old, *argument, actor=SYSTEM)
    assert states(seen(task)) == ["assigned", "assigned"]
    assert SubAgent.objects.filter(state__in=LIVE_STATES).count() == 2
