"""A card falls off a host: nothing new beyond what is left, its holder is flagged and lives, the host may pause."""

from typing import Any

import pytest

from agents.models import Agent, Gpu
from tasks.describe import badges
from tasks.models import SubAgent, Task
from tasks.scheduling.run import run_pass
from tests.factories import make_allocation, make_sub_agent, make_task
from tests.tasks.protocol import PaperHost

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.matrix(60)]

CARDS: list[dict[str, Any]] = [{"index": number, "uuid": f"GPU-{number}", "memory_mib": 40960} for number in (0, 1)]


@pytest.fixture
def host() -> PaperHost:
    return PaperHost(gpus=list(CARDS))


def holding(number: int) -> SubAgent:
    sub_agent = make_sub_agent(agent=Agent.objects.get())
    sub_agent.allocation.delete()
    make_allocation(sub_agent, gpus=[Gpu.objects.get(uuid=f"GPU-{number}")])
    return sub_agent


def lose_the_first(host: PaperHost) -> dict[str, Any]:
    host.resources["gpus"] = CARDS[1:]
    return host.beat()


def verbs(task: Task) -> list[str]:
    return list(task.events.order_by("id").values_list("verb", flat=True))


def test_its_holder_is_flagged_and_not_stopped_until_it_is_back(host: PaperHost) -> None:
    lost, well = holding(0), holding(1)
    assert lose_the_first(host)["directives"] == []
    for sub_agent in (lost, well):
        sub_agent.refresh_from_db()
    assert [sub_agent.state for sub_agent in (lost, well)] == ["running", "running"]
    assert [badges(sub_agent.task, sub_agent) for sub_agent in (lost, well)] == [["GPU lost"], []]
    host.resources["gpus"] = CARDS
    host.beat()
    lost.refresh_from_db()
    assert badges(lost.task, lost) == []
    assert verbs(lost.task)[-2:] == ["gpu_lost", "gpu_back"]
    assert "gpu_lost" in Agent.objects.get().events.values_list("verb", flat=True)


def test_nothing_is_placed_beyond_what_is_left(host: PaperHost) -> None:
    first = holding(0)
    lose_the_first(host)
    waiting = [make_task(gpu_count=1, cpu_cores=1) for _ in range(2)]
    while not run_pass():
        pass
    placed = SubAgent.objects.filter(task__in=waiting)
    assert [sub_agent.allocation.gpus.get().gpu.uuid for sub_agent in placed] == ["GPU-1"]
    first.refresh_from_db()
    assert first.state == "running"


@pytest.mark.parametrize(("pauses", "standing"), [(False, "active"), (True, "paused")])
def test_the_host_is_paused_where_the_site_wants_it(
    host: PaperHost, settings: Any, pauses: bool, standing: str
) -> None:
    settings.PAUSE_ON_GPU_LOSS = pauses
    lose_the_first(host)
    agent = Agent.objects.get()
    assert agent.standing == standing
    assert ("GPU 0 of" in agent.standing_reason) is pauses


def test_cards_that_their_owner_switched_off_did_not_fall_off(host: PaperHost, settings: Any) -> None:
    settings.PAUSE_ON_GPU_LOSS = True
    host.resources |= {"gpus": [], "gpu_state": "disabled"}
    host.beat()
    assert Agent.objects.get().standing == "active"


def test_a_broken_driver_flags_all_and_frees_none(host: PaperHost) -> None:
    sub_agent = holding(1)
    host.resources |= {"gpus": [], "gpu_state": "broken", "gpu_detail": "Xid 79"}
    host.beat()
    sub_agent.refresh_from_db()
    assert sub_agent.gpu_lost_at is not None
    assert sub_agent.allocation.gpus.get().released_at is None
