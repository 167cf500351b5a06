"""What is held, as rows say it: the larger of asked and seen, by whom, until when, and what of it is the site's."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import CountedResource
from agents.readings import GpuReading, Resources, keep
from tasks import allocations
from tasks.models import AllocatedGpu, Allocation, Reservation, SubAgent
from tasks.scheduling.rows import holdings, hosts
from tasks.scheduling.values import Held
from tests.factories import make_agent, make_sub_agent, make_task

pytestmark = pytest.mark.django_db


def test_a_share_counts_the_larger_of_asked_and_peak() -> None:
    agent = make_agent(gpus=2)
    for gpu, peak in zip(agent.gpus.all(), (9000, 3000), strict=True):
        sub_agent = make_sub_agent(make_task(), agent)
        AllocatedGpu.objects.create(
            allocation=sub_agent.allocation, gpu=gpu, memory_mib=6000, peak_mib=peak, is_shared=True
        )
    (host,) = hosts.load(hosts.schedulable())
    assert [card.free_mib for card in host.cards] == [24576 - 9000, 24576 - 6000]


def test_memory_counts_the_larger_of_asked_and_used() -> None:
    agent = make_agent(memory_mib=10_000)
    greedy = make_sub_agent(make_task(memory_mib=1000), agent)
    make_sub_agent(make_task(memory_mib=2000), agent)
    SubAgent.objects.filter(pk=greedy.pk).update(memory_used_mib=3000)
    (host,) = hosts.load(hosts.schedulable())
    assert host.free_memory_mib == 5000


def test_an_outsider_is_seen_one_reading_later_and_so_is_that_it_left() -> None:
    agent = make_agent(gpus=1, memory_mib=65536)
    (gpu,) = agent.gpus.all()
    free = []
    for used in (0, 20_000, 0):
        on_card = GpuReading(0, gpu.uuid, memory_mib=24576, memory_used_mib=used, own_mib=0)
        keep(agent.pk, Resources(memory_used_mib=used, gpus=(on_card,)))
        (host,) = hosts.load(hosts.schedulable())
        free.append((host.free_memory_mib, host.cards[0].free_mib, host.cards[0].is_idle))
    assert free == [(65536, 24576, True), (45536, 4576, False), (65536, 24576, True)]


def reservation(minutes: float = 60) -> Reservation:
    now = timezone.now()
    return Reservation.objects.create(wait_until=now, until=now + timedelta(minutes=minutes))


def test_what_is_inside_a_reservation_is_taken_from_it_and_not_from_the_host_again() -> None:
    agent = make_agent(gpus=1)
    (gpu,) = agent.gpus.all()
    held = reservation()
    allocations.hold_for_reservation(held, agent, Held(800, 8192, gpus=((gpu.pk, None),)), 0.5)
    inner = make_sub_agent(make_task(cpu_cores=3, memory_mib=1024), agent)
    AllocatedGpu.objects.create(allocation=inner.allocation, gpu=gpu, memory_mib=6000, is_shared=True, is_inside=True)
    Allocation.objects.filter(sub_agent=inner).update(inside=held)
    whole, part = hosts.load(hosts.schedulable())
    assert (whole.free_centicores, whole.free_memory_mib, whole.holders) == (800, 65536 - 8192, 1)
    assert (whole.cards[0].free_mib, whole.cards[0].holders) == (0, 1)
    assert (part.total_centicores, part.free_centicores, part.free_memory_mib) == (800, 500, 7168)
    assert (part.cards[0].free_mib, part.cards[0].holders, part.reservation_id) == (18576, 1, held.pk)


def test_who_is_over_its_time_is_expected_to_end_soon() -> None:
    agent = make_agent()
    for minutes in (5, 60):
        make_sub_agent(
            make_task(time_limit_seconds=1800), agent, started_at=timezone.now() - timedelta(minutes=minutes)
        )
    (host,) = hosts.load(hosts.schedulable())
    endings = [ending.in_seconds for ending in host.endings]
    assert endings == [pytest.approx(1500, abs=5), holdings.OVERDUE_SECONDS]


def test_the_sites_resources_are_held_wherever_the_task_runs() -> None:
    CountedResource.objects.create(name="matlab", total=3)
    for name in ("a", "b"):
        allocations.hold_for_task(make_bare_sub_agent(name), Held(resources=(("matlab", 1), ("other", 5))), 0.0)
    fleet = hosts.load_fleet(hosts.schedulable())
    assert (fleet.site_total, fleet.site_free) == ({"matlab": 3}, {"matlab": 1})


def make_bare_sub_agent(name: str) -> SubAgent:
    """One whose allocation the test makes itself."""
    sub_agent = make_sub_agent(make_task(), make_agent(name))
    sub_agent.allocation.delete()
    return SubAgent.objects.get(pk=sub_agent.pk)
