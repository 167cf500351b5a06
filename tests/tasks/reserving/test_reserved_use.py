"""What is really in use counts for reservations too: that of outsiders inside, and what runs inside for all others."""

import pytest

from agents import readings
from agents.models import Agent
from agents.readings import GpuReading, Resources
from tasks.models import AllocatedGpu, Reservation, SubAgent, Task
from tasks.scheduling.rows import hosts
from tasks.scheduling.values import Host
from tests.factories import make_agent, make_task, make_user
from tests.tasks.reservation_rows import granted
from tests.tasks.reserving.test_reservation_tasks import placed

pytestmark = pytest.mark.django_db
GIB = 1024


def see(agent: Agent, used: int, own: int | None) -> None:
    """The next heartbeat: so much of the host's one card is in use."""
    card = agent.gpus.get()
    reading = GpuReading(0, card.uuid, card.name, 48 * GIB, used * GIB, None if own is None else own * GIB)
    readings.keep(agent.pk, Resources(gpus=(reading,)))


def part(row: Reservation, gpu_memory: int) -> Task:
    mib = gpu_memory * GIB
    return make_task(
        reservation=row, submitted_by=make_user(), gpu_count=1, gpu_share=True, gpu_memory=mib, cpu_cores=1
    )


def with_a_card() -> Agent:
    return make_agent("gpu-1", gpus=1, gpu_memory_mib=48 * GIB)


def seen() -> list[Host]:
    return hosts.load(hosts.schedulable())


@pytest.mark.parametrize("own", [0, None])
def test_an_outsider_on_a_reserved_card_is_not_sat_upon(own: int | None) -> None:
    agent = with_a_card()
    row = granted(agent, gpu_count=1, cpu_cores=8)
    see(agent, used=30, own=own)
    assert placed(make_task(reservation=row, submitted_by=make_user(), gpu_count=1)) is None
    large = part(row, 24)
    assert placed(large) is None
    assert placed(part(row, 12)) is not None
    see(agent, used=0, own=own)
    assert placed(large) is not None


def test_an_outsider_beside_a_reserved_part_takes_it_only_where_the_card_is_full() -> None:
    agent = with_a_card()
    row = granted(agent, gpu_count=1, gpu_share=True, gpu_memory=20 * GIB, cpu_cores=8)
    see(agent, used=20, own=0)
    assert placed(part(row, 15)) is not None
    see(agent, used=45, own=0)
    assert placed(part(row, 5)) is None


def test_a_reserved_host_whose_memory_is_full() -> None:
    agent = make_agent("box", memory_mib=64 * GIB)
    row = granted(agent, memory_mib=32 * GIB, cpu_cores=8)
    readings.keep(agent.pk, Resources(memory_used_mib=60 * GIB))
    ada = make_user()
    assert placed(make_task(memory_mib=16 * GIB, reservation=row, submitted_by=ada)) is None
    assert placed(make_task(memory_mib=4 * GIB, reservation=row, submitted_by=ada)) is not None


def test_what_grew_inside_over_what_was_reserved_is_nobody_elses() -> None:
    agent = with_a_card()
    row = granted(agent, gpu_count=1, gpu_share=True, gpu_memory=20 * GIB, cpu_cores=8, memory_mib=8 * GIB)
    allocation = placed(part(row, 20))
    assert allocation is not None
    AllocatedGpu.objects.filter(allocation=allocation).update(peak_mib=30 * GIB)
    SubAgent.objects.update(memory_used_mib=20 * GIB)
    outer = seen()[0]
    assert (outer.cards[0].free_mib, outer.free_memory_mib) == (18 * GIB, 44 * GIB)
