"""Reservations from the wish to the end: who gets what, for how long, and what history says of it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM, Actor
from scheduler_site.shared.errors import Conflict
from tasks.models import AllocatedGpu, Allocation, Reservation, Task, UserUsage
from tasks.reserving import reservation_deadlines, reservations
from tasks.scheduling.rows import hosts
from tasks.scheduling.run import run_pass
from tasks.scheduling.values import Held
from tests.factories import make_agent, make_sub_agent, make_task, make_user
from tests.tasks.reservation_rows import granted, hours_ahead, make_reservation, set_back

pytestmark = pytest.mark.django_db

ADA = Actor("user", "ada")


def free_of(agent: Agent) -> tuple[int, list[int | None]]:
    host = hosts.load(Agent.objects.filter(pk=agent.pk))[0]
    return host.free_centicores, [card.free_mib for card in host.cards]


def test_a_reservation_holds_what_it_asks_for_until_its_end() -> None:
    agent = make_agent("gpu-1", gpus=2)
    row = granted(agent, cpu_cores=4, memory_mib=1024, gpu_indices=[1], duration_seconds=7200)
    assert row.agent == agent
    assert row.until is not None
    assert abs(row.until - hours_ahead(2)) < timedelta(minutes=1)
    assert free_of(agent) == (1200, [24576, 0])
    assert [event.verb for event in row.events.all()] == ["reserved", "granted"]


def test_cards_without_a_word_about_cores_come_with_a_core_each() -> None:
    make_agent("gpu-1", gpus=4)
    assert make_reservation(gpu_count=2).cpu_cores == 2
    assert make_reservation(gpu_count=2, cpu_cores=0).cpu_cores == 0


def test_keep_card_1_for_me_although_a_task_is_on_it() -> None:
    agent = make_agent("gpu-1", gpus=2)
    sub_agent = make_sub_agent(make_task(), agent, gpus=[agent.gpus.get(index=1)])
    row = make_reservation(hosts=["gpu-1"], gpu_indices=[1], until=hours_ahead(5))
    run_pass()
    row.refresh_from_db()
    assert row.state == "pending"
    AllocatedGpu.objects.update(released_at=timezone.now())
    Allocation.objects.filter(sub_agent=sub_agent).update(released_at=timezone.now())
    run_pass()
    row.refresh_from_db()
    assert (row.state, [card.gpu.index for card in row.allocation.gpus.all()]) == ("active", [1])


def test_it_stands_in_the_queue_by_its_priority() -> None:
    make_agent("box", cpu_cores=4)
    low, high = make_reservation(cpu_cores=4, priority=4), make_reservation(cpu_cores=4, priority=2)
    run_pass()
    assert [Reservation.objects.get(pk=row.pk).state for row in (low, high)] == ["pending", "active"]


def test_given_back_early() -> None:
    agent = make_agent("gpu-1", gpus=1)
    row = granted(agent, gpu_count=1)
    reservations.release(row.pk, actor=ADA)
    row.refresh_from_db()
    assert (row.state, row.end_detail) == ("released", "Released by ada.")
    assert free_of(agent) == (1600, [24576])
    with pytest.raises(Conflict, match="is released"):
        reservations.release(row.pk, actor=ADA)


def test_withdrawn_while_pending() -> None:
    row = make_reservation()
    assert reservations.release(row.pk, actor=ADA, reason="no more use").state == "canceled"
    event = row.events.last()
    assert event is not None
    assert (event.from_state, event.to_state, event.reason) == ("pending", "canceled", "no more use")


def test_the_end_comes_by_itself() -> None:
    agent = make_agent("box")
    row = granted(agent, cpu_cores=4)
    reservation_deadlines.end_overdue()
    row.refresh_from_db()
    assert row.state == "active"
    set_back(row, until=1)
    reservation_deadlines.end_overdue()
    row.refresh_from_db()
    assert row.state == "expired"
    assert free_of(agent)[0] == 1600


def test_whoever_finds_no_room_in_time_is_told_what_was_missing() -> None:
    agent = make_agent("gpu-1", gpus=1)
    make_sub_agent(make_task(estimated_seconds=1200), agent, gpus=list(agent.gpus.all()))
    row = make_reservation(gpu_count=1, wait_seconds=60)
    set_back(row, wait_until=1)
    reservation_deadlines.end_overdue()
    row.refresh_from_db()
    assert row.state == "timed_out"
    assert row.end_detail.startswith("Found no room in time. Needs 1 CPU core and 1 GPU; gpu-1 has 0 such GPUs free")
    assert "expected in about 20 min, when #" in row.end_detail


def test_one_that_timed_out_is_not_granted_any_more() -> None:
    make_agent("box")
    row = make_reservation()
    set_back(row, wait_until=1)
    run_pass()
    row.refresh_from_db()
    assert row.state == "pending"


def test_a_deactivated_host_gives_everything_back() -> None:
    agent = make_agent("box")
    row = granted(agent)
    Agent.objects.update(standing="deactivated")
    reservation_deadlines.end_overdue()
    row.refresh_from_db()
    assert (row.state, row.end_detail) == ("released", "box was deactivated.")


def test_the_end_is_put_off_and_brought_forward() -> None:
    make_agent("box")
    row = granted()
    later = hours_ahead(9)
    assert reservations.extend(row.pk, later, actor=ADA).until == later
    with pytest.raises(reservations.InvalidReservation) as refusal:
        reservations.extend(row.pk, hours_ahead(-1), actor=ADA)
    assert refusal.value.fields == {"until": ["must be still to come"]}
    reservations.release(row.pk, actor=ADA)
    with pytest.raises(Conflict):
        reservations.extend(row.pk, hours_ahead(10), actor=ADA)


def test_an_earlier_end_shortens_the_wait() -> None:
    row = make_reservation(until=hours_ahead(20))
    assert reservations.extend(row.pk, hours_ahead(2), actor=ADA).wait_until <= hours_ahead(2)


def put_off(row: Reservation) -> None:
    Reservation.objects.filter(pk=row.pk).update(until=hours_ahead(2))


def ended(row: Reservation) -> None:
    reservations.release(row.pk, actor=SYSTEM)


@pytest.mark.parametrize("faster", [put_off, ended])
def test_whoever_was_faster_than_the_expiry_wins(faster: Callable[[Reservation], None]) -> None:
    make_agent("box")
    row = granted()
    set_back(row, until=1)
    faster(row)
    state = Reservation.objects.get(pk=row.pk).state
    with pytest.raises(Conflict):
        reservations.expire(row.pk)
    assert Reservation.objects.get(pk=row.pk).state == state


def test_a_grant_comes_too_late_for_a_withdrawn_one() -> None:
    agent = make_agent("box")
    row = make_reservation()
    reservations.release(row.pk, actor=ADA)
    with pytest.raises(Conflict):
        reservations.grant(row, agent, Held(cpu_centicores=100), 0.1)
    assert not Allocation.objects.exists()


def test_its_user_is_charged_for_it() -> None:
    make_agent("box")
    row = granted(cpu_cores=8)
    set_back(row, granted_at=7200)
    reservations.release(row.pk, actor=ADA)
    usage = UserUsage.objects.get(user=make_user("ada"))
    assert usage.share_hours == pytest.approx(1.0, rel=0.01)


def test_nobody_gets_what_is_reserved() -> None:
    make_agent("gpu-1", gpus=2, cpu_cores=4)
    granted(gpu_indices=[1], hosts=["gpu-1"], cpu_cores=2)
    for cores in (2, 1):
        make_task(gpu_count=1, cpu_cores=cores)
    run_pass()
    placed = Task.objects.exclude(current_fence=None)
    assert [task.cpu_cores for task in placed] == [2]
    assert [card.gpu.index for card in AllocatedGpu.objects.filter(allocation__sub_agent__isnull=False)] == [0]
