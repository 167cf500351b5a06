"""The world itself: a failover task that is cut off is stopped there and executed elsewhere; two at once are seen."""

from collections.abc import Iterator

import pytest

from scheduler_site.shared.actors import SYSTEM
from tasks.models import Task
from tasks.submission import submit
from tests.machine.host import Host
from tests.machine.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def runs_a_failover_task(world: World) -> Host:
    """On this host, which is cut off from now on."""
    fields = {"name": "t", "script_content": "true\n", "cpu_cores": 1, "on_host_loss": "failover"}
    submit(fields, actor=SYSTEM)
    for _ in range(5):
        world.work()
    ((host, _),) = world.running()
    world.network.cut_off.add(host.name)
    return host


def wait_for_another(world: World, host: Host) -> None:
    for _ in range(40):
        world.pass_time(5)
        world.work()
        world.reap()
        if {runner.name for runner, _ in world.running()} - {host.name}:
            return


def test_a_failover_task_is_executed_by_another_host(world: World) -> None:
    host = runs_a_failover_task(world)
    wait_for_another(world, host)
    ((other, _),) = world.running()
    assert other is not host
    assert Task.objects.get().failovers == 1
    assert list(world.drain()) == []


def test_a_host_that_does_not_obey_its_lease_is_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    host = runs_a_failover_task(world)
    monkeypatch.setattr(Host, "fence", lambda self: None)
    wait_for_another(world, host)
    assert {runner.name for runner, _ in world.running()} > {host.name}
    assert any(sentence.startswith("I9") for sentence in world.invariants.check())


def test_work_is_claimed_ahead_and_what_never_arrived_is_executed_all_the_same(world: World) -> None:
    submit({"name": "t", "script_content": "true\n", "cpu_cores": 4}, actor=SYSTEM)
    main = world.hosts[0].lines()[0]
    world.turn(main)
    world.schedule()
    assert main.waits_for is not None
    world.network.deliver(main.waits_for)
    assert world.truth.granted_ahead == 1
    world.hosts[0].crash_agent()  # the answer finds nobody
    assert list(world.drain()) == []
    assert Task.objects.get().attempt_no == 2
    assert sum(world.truth.executions.values()) == 1
