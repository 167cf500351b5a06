"""What users are charged for, what of it is left later, and whose task comes first because of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from scheduler_site.shared.actors import SYSTEM
from tasks import fair_share, lifecycle
from tasks.models import Allocation, Reservation, SubAgent, Task, UserUsage
from tasks.outcome import Outcome, lost
from tasks.scheduling.run import run_pass
from tasks.states import EndReason, SubAgentState
from tests.factories import make_agent, make_sub_agent, make_task, make_user
from tests.tasks.reservation_rows import granted

pytestmark = pytest.mark.django_db

DONE = Outcome(SubAgentState.SUCCEEDED, EndReason.EXIT, exit_code=0, duration_seconds=1800.0)


def attempt(*, hours: float | None = 2.0, share: float = 0.5, username: str = "ada", **fields: Any) -> SubAgent:
    """A running attempt that began so long ago; hours None: its start was never reported."""
    started_at = None if hours is None else timezone.now() - timedelta(hours=hours)
    task = make_task(submitted_by=make_user(username), **fields)
    sub_agent = make_sub_agent(task, state="starting" if hours is None else "running", started_at=started_at)
    Allocation.objects.filter(sub_agent=sub_agent).update(share=share)
    return sub_agent


def charged(username: str = "ada") -> float:
    """Share-hours."""
    return sum(UserUsage.objects.filter(user__username=username).values_list("share_hours", flat=True))


def test_an_ended_attempt_is_charged_by_its_share_and_its_time() -> None:
    lifecycle.finish(attempt(hours=2.0, share=0.5), DONE, actor=SYSTEM)
    lifecycle.finish(attempt(hours=1.0, share=0.25), DONE, actor=SYSTEM)
    assert charged() == pytest.approx(1.25, rel=1e-3)


def test_an_attempt_whose_start_came_with_its_end_is_charged_by_what_it_reports() -> None:
    lifecycle.finish(attempt(hours=None), DONE, actor=SYSTEM)
    assert charged() == pytest.approx(0.25)


def test_each_failed_attempt_counts_also_when_it_is_tried_again() -> None:
    failed = Outcome(SubAgentState.FAILED, EndReason.EXIT, exit_code=1)
    lifecycle.finish(attempt(hours=2.0, retries=1), failed, actor=SYSTEM)
    assert charged() == pytest.approx(1.0, rel=1e-3)


def test_what_a_host_lost_is_not_charged() -> None:
    outcome = lost(EndReason.HOST_LOST, "gone", is_proven=True)
    lifecycle.finish(attempt(), outcome, actor=SYSTEM)
    assert charged() == 0.0


def test_what_never_started_is_not_charged() -> None:
    sub_agent = attempt(hours=None)
    lifecycle.give_back(sub_agent, SubAgentState.NOT_STARTED, "no such user", actor=SYSTEM)
    assert charged() == 0.0


def test_inside_a_reservation_the_reservation_is_charged_instead() -> None:
    now = timezone.now()
    held = Reservation.objects.create(submitted_by=make_user(), wait_until=now, until=now, granted_at=now)
    Reservation.objects.filter(pk=held.pk).update(granted_at=now - timedelta(hours=4))
    held.refresh_from_db()
    Allocation.objects.create(reservation=held, agent=make_agent(), cpu_cores=1, share=0.5)
    sub_agent = attempt(reservation=held)
    Allocation.objects.filter(sub_agent=sub_agent).update(inside=held)
    lifecycle.finish(sub_agent, DONE, actor=SYSTEM)
    assert charged() == 0.0
    fair_share.charge_reservation(held)
    assert charged() == pytest.approx(2.0, rel=1e-3)


def test_what_runs_on_after_its_reservation_is_charged_from_then_on() -> None:
    sub_agent = attempt(hours=3.0, share=0.5)
    Allocation.objects.filter(sub_agent=sub_agent).update(own_since=timezone.now() - timedelta(hours=1))
    lifecycle.finish(sub_agent, DONE, actor=SYSTEM)
    assert charged() == pytest.approx(0.5, rel=1e-3)


def test_past_use_counts_half_after_each_half_life() -> None:
    lifecycle.finish(attempt(hours=2.0, share=0.5), DONE, actor=SYSTEM)
    now = timezone.now()
    user_id = make_user().pk
    parts = [fair_share.used(now + timedelta(hours=later), 24.0)[user_id] * 24 for later in (0, 24, 48)]
    assert parts == pytest.approx([1.0, 0.5, 0.25], rel=1e-3)


def test_a_new_charge_adds_to_what_is_left_of_the_old_ones() -> None:
    lifecycle.finish(attempt(hours=2.0, share=0.5), DONE, actor=SYSTEM)
    UserUsage.objects.update(counted_at=F("counted_at") - timedelta(hours=24))
    lifecycle.finish(attempt(hours=1.0, share=0.5), DONE, actor=SYSTEM)
    assert charged() == pytest.approx(0.5 + 0.5, rel=1e-3)


def test_what_is_held_now_counts_at_once_and_by_user() -> None:
    attempt(share=0.25)
    attempt(share=0.5)
    attempt(share=0.125, username="bob")
    used = fair_share.used(timezone.now(), 24.0)
    assert (used[make_user("ada").pk], used[make_user("bob").pk]) == (0.75, 0.125)


def test_the_end_of_an_attempt_is_charged_in_few_queries(django_assert_num_queries: Any) -> None:
    lifecycle.finish(attempt(), DONE, actor=SYSTEM)
    sub_agent = attempt()
    with django_assert_num_queries(4):
        fair_share.charge(sub_agent)


def order_of_starts(rounds: int) -> list[str]:
    """Who was given the only core, one task after the other."""
    order = []
    for _ in range(rounds):
        run_pass()
        sub_agent = SubAgent.objects.select_related("task__submitted_by", "agent").get(state="assigned")
        order.append(sub_agent.task.submitted_by.username)
        lifecycle.claim(sub_agent, "n")
        lifecycle.start(sub_agent, pid=1, actor=SYSTEM)
        SubAgent.objects.filter(pk=sub_agent.pk).update(started_at=timezone.now() - timedelta(minutes=10))
        lifecycle.finish(sub_agent, DONE, actor=SYSTEM)
    return order


def test_two_users_alternate_although_one_came_later() -> None:
    make_agent(cpu_cores=1)
    for username in ("ada", "bob"):
        for _ in range(50):
            make_task(submitted_by=make_user(username))
    order = order_of_starts(20)
    assert order.count("ada") == 10
    assert all({first, second} == {"ada", "bob"} for first, second in zip(order[::2], order[1::2], strict=True))


def test_within_one_pass_they_get_equally_many() -> None:
    make_agent(cpu_cores=10)
    for username in ("ada", "bob"):
        for _ in range(50):
            make_task(submitted_by=make_user(username))
    while not run_pass():
        pass
    placed = list(SubAgent.objects.values_list("task__submitted_by__username", flat=True))
    assert (placed.count("ada"), placed.count("bob")) == (5, 5)


def test_who_used_much_yesterday_stands_behind_today_but_not_for_ever() -> None:
    make_agent(cpu_cores=1)
    yesterday = timezone.now() - timedelta(hours=24)
    UserUsage.objects.create(user=make_user("ada"), share_hours=1.0, counted_at=yesterday)
    for username in ("ada", "bob"):
        for _ in range(6):
            make_task(submitted_by=make_user(username))
    order = order_of_starts(8)  # half an hour of the whole site is left of it: three tasks of ten minutes
    assert order[:3] == ["bob"] * 3
    assert order.count("ada") >= 2


def test_nobodys_tasks_are_neither_charged_nor_held_back() -> None:
    sub_agent = make_sub_agent(make_task())
    lifecycle.finish(sub_agent, DONE, actor=SYSTEM)
    assert not UserUsage.objects.exists()
    assert Task.objects.get(pk=sub_agent.task_id).status == "completed"


def test_a_whole_host_counts_as_a_whole_host() -> None:
    """Whatever little the task asked for by name: nobody else can have the rest."""
    make_agent("one", cpu_cores=6), make_agent("two", cpu_cores=2)
    make_task(submitted_by=make_user("ada"), cpu_cores=1, whole_host=True, hosts=["one"])
    run_pass()
    assert Allocation.objects.get().share == pytest.approx(0.75)


def test_a_reservations_part_is_counted_with_its_host() -> None:
    granted(make_agent(cpu_cores=4), cpu_cores=4)
    make_agent(cpu_cores=4)
    task = make_task(cpu_cores=2, submitted_by=make_user())
    run_pass()
    assert Allocation.objects.get(sub_agent__task=task).share == pytest.approx(0.25)
