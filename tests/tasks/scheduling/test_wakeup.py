"""Whatever may let a waiting task start asks for a pass at once; none has to wait for the loop's own second."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from agents import administration, operator_labels, operator_resources, placement_rules, pools
from agents.models import Agent, CountedResource
from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tasks.models import SubAgent
from tasks.outcome import Outcome
from tasks.reserving import reservation_deadlines, reservations
from tasks.scheduling import wakeup
from tasks.states import EndReason, SubAgentState
from tests.factories import make_agent, make_task, make_user
from tests.tasks.reservation_rows import granted, make_reservation, set_back

pytestmark = pytest.mark.django_db(transaction=True)

Doing = Callable[[], object]


def editing() -> Doing:
    task = make_task()
    return lambda: lifecycle.edit(task.pk, {"priority": 1}, actor=SYSTEM)


def end_of_a_task() -> Doing:
    sub_agent = SubAgent.objects.get(task=make_task("running"))
    outcome = Outcome(SubAgentState.SUCCEEDED, EndReason.EXIT, exit_code=0)
    return lambda: lifecycle.finish(sub_agent, outcome, actor=SYSTEM)


def cancel() -> Doing:
    task = make_task()
    return lambda: lifecycle.cancel(task.pk, actor=SYSTEM)


def free_of_dependencies() -> Doing:
    task = make_task("blocked")
    return lambda: lifecycle.depend_on(task.pk, [], actor=SYSTEM)


def release() -> Doing:
    row = granted(make_agent())
    return lambda: reservations.release(row.pk, actor=SYSTEM)


def shorter() -> Doing:
    row = granted(make_agent())
    return lambda: reservations.extend(row.pk, timezone.now() + timedelta(minutes=1), actor=SYSTEM)


def overdue() -> Doing:
    row = granted(make_agent())
    set_back(row, until=1)
    return reservation_deadlines.end_overdue


def late_comers() -> Doing:
    row = make_reservation()
    reservations.release(row.pk, actor=SYSTEM)
    make_task(reservation=row, submitted_by=make_user())
    return reservation_deadlines.let_out_late_comers


def agent() -> Agent:
    return make_agent()


def pool_change() -> Doing:
    pool = pools.create({"name": "fast"}, actor=SYSTEM)
    return lambda: pools.change(pool, {"members": [agent().name]}, actor=SYSTEM)


def site_resource() -> Doing:
    row = CountedResource.objects.create(name="matlab", total=1)
    return lambda: operator_resources.set_site_resource(row.name, 2, actor=SYSTEM)


def resumed() -> Doing:
    paused = make_agent(standing="paused")
    return lambda: administration.resume(paused, actor=SYSTEM)


CHANGES: dict[str, Callable[[], Doing]] = {
    "a task is edited": editing,
    "a task ends": end_of_a_task,
    "a task is canceled": cancel,
    "a task depends on nothing any more": free_of_dependencies,
    "a reservation is asked for": lambda: make_reservation,
    "a reservation is released": release,
    "a reservation is to end earlier": shorter,
    "a reservation's end has come": overdue,
    "tasks came at the moment of the end": late_comers,
    "the rules change": lambda: lambda: placement_rules.change({"policy": "first_fit"}, actor=SYSTEM),
    "a pool gets a host": pool_change,
    "the site has more licences": site_resource,
    "a host has more licences": lambda: lambda: operator_resources.set_resources(agent(), {"tape": 1}, actor=SYSTEM),
    "a host gets a label": lambda: lambda: operator_labels.set_labels(agent(), {"nvlink": ""}, actor=SYSTEM),
    "a host is resumed": resumed,
    "a host weighs more": lambda: lambda: administration.weigh(agent(), Decimal(2), actor=SYSTEM),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_pass_follows_at_once(name: str) -> None:
    change = CHANGES[name]()
    wakeup.event.clear()
    change()
    assert wakeup.event.is_set()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Topics, to the other processes."""
    found: list[str] = []
    monkeypatch.setattr(wakeup.nudges, "say", lambda topic, word="": found.append(topic))
    wakeup.event.clear()
    return found


def test_what_a_thread_holds_back_comes_at_the_end(said: list[str]) -> None:
    with wakeup.held() as wish:
        assert not wish.is_wanted
        wakeup.request_pass()
        assert (wish.is_wanted, wakeup.event.is_set(), said) == (True, False, [])
    assert (wakeup.event.is_set(), said) == (True, [wakeup.TOPIC])


def test_what_was_done_meanwhile_is_not_wanted_any_more(said: list[str]) -> None:
    with wakeup.held() as wish:
        wakeup.request_pass()
        wish.is_wanted = False
    assert (wakeup.event.is_set(), said) == (False, [])
    wakeup.request_pass()
    assert (wakeup.event.is_set(), said) == (True, [wakeup.TOPIC])


def test_what_is_held_back_comes_after_a_failure_too(said: list[str]) -> None:
    def fails() -> None:
        with wakeup.held():
            wakeup.request_pass()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert wakeup.event.is_set()


def test_other_threads_are_not_held_back(said: list[str]) -> None:
    other = threading.Thread(target=wakeup.wake)
    with wakeup.held() as wish:
        other.start()
        other.join()
        assert (wish.is_wanted, wakeup.event.is_set()) == (False, True)
