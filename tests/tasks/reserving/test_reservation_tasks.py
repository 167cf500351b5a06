"""Tasks that name a reservation: they run inside it, and go on like any other task when it ends."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from agents.models import CountedResource
from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tasks.models import Allocation, Reservation, Task
from tasks.outcome import Outcome
from tasks.reserving import reservation_deadlines, reservation_tasks, reservations
from tasks.scheduling.rows import hosts, lanes
from tasks.scheduling.run import run_pass
from tasks.states import EndReason, SubAgentState
from tests.factories import make_agent, make_task, make_user
from tests.tasks.reservation_rows import granted, make_reservation

pytestmark = pytest.mark.django_db


def passed() -> None:
    while not run_pass():
        pass


def placed(task: Task) -> Allocation | None:
    passed()
    return Allocation.objects.filter(sub_agent__task=task, released_at__isnull=True).first()


def inside(row: Reservation, **fields: Any) -> Task:
    return make_task(reservation=row, submitted_by=make_user(), **fields)


def test_it_waits_while_the_reservation_is_pending() -> None:
    make_agent("box")
    row = make_reservation()
    Reservation.objects.filter(pk=row.pk).update(hosts=["elsewhere"])
    assert placed(inside(row)) is None


def test_it_runs_inside_on_the_reserved_card() -> None:
    agent = make_agent("gpu-1", gpus=2)
    row = granted(agent, gpu_indices=[1])
    allocation = placed(inside(row, gpu_count=1))
    assert allocation is not None
    assert allocation.inside == row
    assert [card.gpu.index for card in allocation.gpus.all()] == [1]
    (host, part) = hosts.load(hosts.schedulable())
    assert (host.free_centicores, part.free_centicores) == (1500, 0)


def test_one_after_the_other_inside() -> None:
    agent = make_agent("gpu-1", gpus=1)
    row = granted(agent, gpu_count=1, cpu_cores=2)
    first, second = inside(row, gpu_count=1), inside(row, gpu_count=1)
    assert placed(first) is not None
    assert placed(second) is None
    finish(first)
    assert placed(second) is not None
    row.refresh_from_db()
    assert row.state == "active"


def finish(task: Task, state: SubAgentState = SubAgentState.SUCCEEDED) -> None:
    sub_agent = task.sub_agents.get(state="assigned")
    lifecycle.claim(sub_agent, "n")
    lifecycle.start(sub_agent, pid=1, actor=SYSTEM)
    sub_agent.refresh_from_db()
    lifecycle.finish(sub_agent, Outcome(state, EndReason.EXIT, exit_code=0), actor=SYSTEM)


def test_shares_of_a_reserved_card() -> None:
    agent = make_agent("gpu-1", gpus=1)
    row = granted(agent, gpu_count=1, cpu_cores=8)
    fitted = [placed(inside(row, gpu_count=1, gpu_share=True, gpu_memory=10_000)) is not None for _ in range(3)]
    assert fitted == [True, True, False]


def test_licences_of_the_site_that_the_reservation_holds() -> None:
    CountedResource.objects.create(name="matlab", total=2)
    agent = make_agent("box")
    row = granted(agent, cpu_cores=4, resources={"matlab": 1})
    assert placed(make_task(resources={"matlab": 1})) is not None
    assert placed(make_task(resources={"matlab": 1})) is None
    assert placed(inside(row, resources={"matlab": 1})) is not None
    assert placed(inside(row, resources={"matlab": 1})) is None


def test_a_whole_host_comes_with_all_that_it_has() -> None:
    agent = make_agent("gpu-1", gpus=2, cpu_cores=8, disk_total_mib=9000, disk_free_mib=8000)
    CountedResource.objects.create(agent=agent, name="tape", total=2)
    row = granted(agent, whole_host=True)
    assert placed(make_task()) is None
    everything = inside(row, cpu_cores=8, gpu_count=2, disk_mib=8000, resources={"tape": 2})
    assert placed(everything) is not None


def test_part_of_a_card_is_never_had_as_a_whole_one() -> None:
    agent = make_agent("gpu-1", gpus=1)
    row = granted(agent, gpu_count=1, gpu_share=True, gpu_memory=10_000, cpu_cores=8)
    assert placed(inside(row, gpu_count=1)) is None
    assert placed(inside(row, gpu_count=1, gpu_share=True, gpu_memory=10_000)) is not None
    assert placed(make_task(gpu_count=1, gpu_share=True, gpu_memory=10_000)) is not None


@pytest.mark.parametrize("how", ["released", "expired", "timed out", "canceled"])
def test_what_waits_goes_on_outside(how: str) -> None:
    agent = make_agent("box", cpu_cores=2)
    row = make_reservation(hosts=["box"], cpu_cores=2)
    if how in ("released", "expired"):
        passed()
    task = inside(row, cpu_cores=1, status="waiting")
    make_task(cpu_cores=2)
    end(row, how)
    task.refresh_from_db()
    assert task.reservation is None
    assert task.lane == lanes.columns_of(task)["lane"]
    assert f"reservation {row.pk} {how}" in task.events.get(verb="let_out").reason
    Task.objects.exclude(pk=task.pk).delete()
    allocation = placed(task)
    assert allocation is not None
    assert (allocation.agent, allocation.inside) == (agent, None)


def end(row: Reservation, how: str) -> None:
    if how in ("expired", "timed out"):
        Reservation.objects.filter(pk=row.pk).update(
            until=timezone.now() - timedelta(seconds=1), wait_until=timezone.now() - timedelta(seconds=1)
        )
        reservation_deadlines.end_overdue()
    else:
        reservations.release(row.pk, actor=SYSTEM)
    row.refresh_from_db()
    assert row.state.replace("_", " ") == how


def test_what_runs_keeps_what_it_has() -> None:
    agent = make_agent("gpu-1", gpus=2)
    row = granted(agent, gpu_indices=[0, 1], cpu_cores=8)
    task = inside(row, gpu_count=1, cpu_cores=2)
    allocation = placed(task)
    assert allocation is not None
    reservations.release(row.pk, actor=SYSTEM)
    allocation.refresh_from_db()
    assert (allocation.inside, allocation.own_since is None) == (None, False)
    (host,) = hosts.load(hosts.schedulable())
    assert host.free_centicores == 1400
    assert sorted(card.holders for card in host.cards) == [0, 1]
    task.refresh_from_db()
    finish(task)
    (host,) = hosts.load(hosts.schedulable())
    assert (host.free_centicores, sum(card.holders for card in host.cards)) == (1600, 0)


def test_a_retry_after_the_end_is_placed_outside() -> None:
    agent = make_agent("box")
    row = granted(agent)
    task = inside(row, retries=1)
    assert placed(task) is not None
    reservations.release(row.pk, actor=SYSTEM)
    finish(task, SubAgentState.FAILED)
    Task.objects.filter(pk=task.pk).update(not_before=None)
    allocation = placed(task)
    assert allocation is not None
    assert allocation.inside is None


def test_the_whole_host_inside_is_not_the_whole_host_after() -> None:
    agent = make_agent("box", cpu_cores=8)
    row = granted(agent, cpu_cores=2)
    assert placed(inside(row, cpu_cores=1, whole_host=True)) is not None
    reservations.release(row.pk, actor=SYSTEM)
    assert placed(make_task(cpu_cores=4)) is not None


def test_whoever_comes_at_the_moment_of_the_end_is_let_out() -> None:
    row = make_reservation()
    reservations.release(row.pk, actor=SYSTEM)
    late, done = inside(row), inside(row, status="completed")
    reservation_deadlines.let_out_late_comers()
    late.refresh_from_db()
    done.refresh_from_db()
    assert (late.reservation, done.reservation) == (None, row)


def test_tasks_of_many_lanes_are_let_out_each_to_its_own(django_assert_max_num_queries: Any) -> None:
    row = make_reservation()
    tasks = [inside(row, priority=1 + number % 2) for number in range(10)]
    row.state = "canceled"
    with django_assert_max_num_queries(12), transaction.atomic():
        assert reservation_tasks.let_out(row, SYSTEM) == [task.pk for task in tasks]
    for task in Task.objects.all():
        assert task.lane == lanes.columns_of(task)["lane"]
    assert len(set(Task.objects.values_list("lane", flat=True))) == 2
