"""The hosts that the scheduling loop keeps between passes are what the rows say, and little is read for that."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents import pools
from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tasks.models import SubAgent
from tasks.outcome import lost
from tasks.scheduling import changes, run
from tasks.scheduling.rows import hosts, kept_fleet
from tasks.scheduling.rows.kept_fleet import KeptFleet
from tasks.scheduling.values import Request, Shape
from tasks.states import EndReason
from tests.factories import make_agent, make_task

pytestmark = pytest.mark.django_db(transaction=True)
ON_SQLITE = pytest.mark.skipif(connection.vendor != "sqlite", reason="elsewhere other processes may change facts")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One number for each time that everything was read."""
    found: list[int] = []
    real = hosts.load_fleet_and_facts

    def counted(agents: Any) -> Any:
        found.append(1)
        return real(agents)

    monkeypatch.setattr(kept_fleet.hosts, "load_fleet_and_facts", counted)
    return found


def free(kept: KeptFleet) -> dict[str, int]:
    return {host.name: host.free_centicores // 100 for host in kept.fleet().hosts}


def test_what_is_placed_and_what_ends_is_seen_without_reading_everything(clock: Clock, reads: list[int]) -> None:
    make_agent("a", cpu_cores=4)
    make_agent("b", cpu_cores=2)
    kept = KeptFleet(clock)
    assert free(kept) == {"a": 4, "b": 2}
    task = make_task(cpu_cores=3)
    run.run_pass(kept)
    assert free(kept) == {"a": 1, "b": 2}
    sub_agent = SubAgent.objects.get(task=task)
    lifecycle.claim(sub_agent, "n")
    lifecycle.finish(sub_agent, lost(EndReason.NO_RECORD, "gone", is_proven=True), actor=SYSTEM)
    assert free(kept) == {"a": 4, "b": 2}
    assert len(reads) == 1


def test_what_was_only_planned_is_free_again(clock: Clock, reads: list[int]) -> None:
    make_agent("a", cpu_cores=4)
    kept = KeptFleet(clock)
    kept.fleet().book(0, Request(1, Shape(cpu_centicores=300)), ())
    assert free(kept) == {"a": 4}
    assert len(reads) == 1


def test_a_host_that_comes_is_seen_when_it_is_told_and_else_after_a_while(clock: Clock, reads: list[int]) -> None:
    make_agent("a", cpu_cores=4)
    kept = KeptFleet(clock)
    kept.fleet()
    make_agent("b", cpu_cores=2)
    assert free(kept) == {"a": 4}
    changes.of_site()
    assert free(kept) == {"a": 4, "b": 2}
    make_agent("c", cpu_cores=1)
    clock.now += kept_fleet.FRESH_SECONDS + 0.1
    assert free(kept) == {"a": 4, "b": 2, "c": 1}


def test_a_changed_host_that_takes_no_work_any_more_is_left_out(clock: Clock, reads: list[int]) -> None:
    make_agent("a", cpu_cores=4)
    make_agent("b", cpu_cores=2)
    kept = KeptFleet(clock)
    kept.fleet()
    gone = Agent.objects.get(name="b")
    Agent.objects.filter(pk=gone.pk).update(standing="paused")
    changes.of_host(gone.pk)
    assert free(kept) == {"a": 4}


def test_nothing_is_placed_on_a_host_that_was_paused_unseen(clock: Clock) -> None:
    """The plan is made on what is kept; the rows have the last word, and after that nothing is believed any more."""
    make_agent("a", cpu_cores=4)
    kept = KeptFleet(clock)
    kept.fleet()
    Agent.objects.update(standing="paused")
    task = make_task(cpu_cores=1)
    run.run_pass(kept)
    task.refresh_from_db()
    assert task.current_fence is None
    assert free(kept) == {}


def test_an_idle_loop_keeps_it_fresh(clock: Clock, reads: list[int]) -> None:
    make_agent("a", cpu_cores=4)
    kept = KeptFleet(clock)
    run.run_pass(kept)
    clock.now += run.IDLE_SECONDS
    run.run_pass(kept)
    assert len(reads) == 2
    run.run_pass(kept)
    assert len(reads) == 2


def test_a_site_that_takes_long_to_read_is_read_more_rarely(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    real = hosts.load_fleet_and_facts

    def slow(agents: Any) -> Any:
        clock.now += 1.0
        return real(agents)

    monkeypatch.setattr(kept_fleet.hosts, "load_fleet_and_facts", slow)
    make_agent("a", cpu_cores=4)
    kept = KeptFleet(clock)
    first = kept.fleet()
    clock.now += kept_fleet.SHARE - 1
    kept.keep_fresh()
    assert kept.fleet() is first
    clock.now += 2
    assert kept.fleet() is not first


@ON_SQLITE
def test_facts_are_read_once_for_many_placements(clock: Clock) -> None:
    make_agent("a", cpu_cores=4)
    kept = KeptFleet(clock)
    kept.fleet()
    make_task(cpu_cores=1)
    with CaptureQueriesContext(connection) as seen:
        run.run_pass(kept)
    assert SubAgent.objects.exists()
    said = " ".join(query["sql"] for query in seen.captured_queries)
    assert not [
        name for name in ("capability", "countedresource", "pool", "placementrules") if f"agents_{name}" in said
    ]


@ON_SQLITE
def test_facts_that_changed_are_read_again_for_placing(clock: Clock) -> None:
    make_agent("a", cpu_cores=4)
    kept = KeptFleet(clock)
    kept.fleet()
    assert kept.sure_facts() is kept.facts()
    pools.create({"name": "north", "members": ["a"]}, actor=SYSTEM)
    assert kept.sure_facts() is None
    kept.fleet()
    found = kept.sure_facts()
    assert found is not None
    assert set(found.pools.values()) == {frozenset({"north"})}


def test_facts_are_not_trusted_where_other_processes_may_change_them(
    clock: Clock, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = KeptFleet(clock)
    kept.fleet()
    with monkeypatch.context() as patched:
        patched.setattr(kept_fleet.nudges, "are_alone", lambda: False)
        assert kept.sure_facts() is None
    settings.IS_SQLITE = False
    assert kept.sure_facts() is None


def test_a_task_is_not_placed_by_facts_of_before(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody takes the host out of the pool between plan and placement."""
    make_agent("a", cpu_cores=4)
    north = pools.create({"name": "north", "members": ["a"]}, actor=SYSTEM)
    make_task(pool="north", cpu_cores=1)
    real = KeptFleet.sure_facts

    def sure_facts(kept: KeptFleet) -> Any:
        pools.change(north, {"members": []}, actor=SYSTEM)
        return real(kept)

    monkeypatch.setattr(KeptFleet, "sure_facts", sure_facts)
    run.run_pass(KeptFleet(clock))
    assert not SubAgent.objects.exists()
