"""One turn of the scheduling loop: what it places, when it yields, and how long it may sleep."""

import itertools
import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from tasks.models import SubAgent, Task
from tasks.scheduling import run, wakeup
from tasks.scheduling.rows.kept_fleet import KeptFleet
from tests.factories import make_agent, make_task

pytestmark = pytest.mark.django_db


def test_an_empty_queue_costs_one_look(django_assert_num_queries: object) -> None:
    make_agent()
    with django_assert_num_queries(2):  # type: ignore[operator]
        assert run.run_pass()


def test_there_is_leisure_only_while_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(run, "at_leisure", [lambda: done.append("it")])
    kept = KeptFleet()
    run.run_pass(kept)
    assert done == ["it"]
    run.run_pass(kept, lambda sub_agent, host: None)  # a report waits for it
    assert done == ["it"]
    make_task()
    run.run_pass(kept)
    assert done == ["it"]


def test_priority_first_then_age_as_far_as_the_cores_go() -> None:
    make_agent(cpu_cores=2)
    low, old, young = make_task(priority=5), make_task(), make_task()
    while not run.run_pass():
        pass
    assert set(SubAgent.objects.values_list("task_id", flat=True)) == {old.pk, young.pk}
    assert Task.objects.get(pk=low.pk).current_fence is None


def test_it_yields_after_its_time_slice_and_goes_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr(run.time, "monotonic", lambda: float(next(clock)))  # loading takes 1 s, each placement 1 s
    make_agent()
    for _ in range(5):
        make_task()
    assert [run.scheduling_turn() == 0.0 for _ in range(3)] == [True, True, False]
    assert SubAgent.objects.count() == 5


def test_a_pass_that_only_loses_races_does_not_begin_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "place", lambda *_arguments: False)
    monkeypatch.setattr(run, "YIELD_AFTER_SECONDS", 0.0)
    make_agent()
    make_task()
    assert run.run_pass()


def test_who_pauses_is_not_placed_and_wakes_the_loop_in_time() -> None:
    make_agent()
    task = make_task(not_before=timezone.now() + timedelta(seconds=0.5))
    assert 0 < run.scheduling_turn() <= 0.5
    assert not SubAgent.objects.exists()
    Task.objects.filter(pk=task.pk).update(not_before=timezone.now())
    run.scheduling_turn()
    assert SubAgent.objects.count() == 1


def test_without_news_it_looks_again_after_a_second() -> None:
    assert run.scheduling_turn() == run.IDLE_SECONDS


def test_after_a_long_pass_it_rests_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=3)
    monkeypatch.setattr(run.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(run, "run_pass", lambda kept: True)
    assert run.scheduling_turn() == run.REST_FACTOR * 3


@pytest.mark.django_db(transaction=True)
def test_a_wake_up_comes_with_the_commit_and_not_without() -> None:
    wakeup.event.clear()
    with transaction.atomic():
        wakeup.request_pass()
        assert not wakeup.event.is_set()
    assert wakeup.event.is_set()
    run.scheduling_turn()
    assert not wakeup.event.is_set()
    with transaction.atomic():
        wakeup.request_pass()
        transaction.set_rollback(True)
    assert not wakeup.event.is_set()


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> run._Turns:
    found = run._Turns()
    monkeypatch.setattr(run, "_turns", found)
    return found


def loop_passed(turns: run._Turns, *, ago: float = 0.0, took: float = 0.001) -> None:
    ended = time.monotonic() - ago
    turns.over(ended - took, ended)


def test_a_pass_in_a_request_places(turns: run._Turns) -> None:
    make_agent()
    make_task()
    loop_passed(turns)
    assert run.pass_now()
    assert SubAgent.objects.count() == 1


@pytest.mark.parametrize("how", [None, {"ago": 6.0}, {"took": 0.03}])
def test_where_the_loop_is_elsewhere_or_slow_no_request_passes(turns: run._Turns, how: dict[str, float] | None) -> None:
    make_agent()
    make_task()
    if how is not None:
        loop_passed(turns, **how)
    assert not run.pass_now()
    assert not SubAgent.objects.exists()


def test_a_turn_of_the_loop_says_that_it_is_here(turns: run._Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run._Turns, "SHORT_SECONDS", 600.0)
    assert not turns.are_here_and_short()
    run.scheduling_turn()
    assert turns.are_here_and_short()


def test_no_two_pass_at_once(turns: run._Turns) -> None:
    make_agent()
    make_task()
    loop_passed(turns)
    with run._passing:
        assert not run.pass_now()
    assert not SubAgent.objects.exists()
    assert run.pass_now()


@pytest.mark.parametrize("fails", [True, False])
def test_a_pass_that_fails_or_has_more_to_do_is_the_loops(
    turns: run._Turns, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    def passed(*_: object) -> bool:
        if fails:
            raise ZeroDivisionError
        return False

    loop_passed(turns)
    monkeypatch.setattr(run, "run_pass", passed)
    assert not run.pass_now()
    assert not run._passing.locked()
