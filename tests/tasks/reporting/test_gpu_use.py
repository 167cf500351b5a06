"""What sub agents use of cards: shown for people, the most of it booked, and nothing believed of other hosts."""

from typing import Any

import pytest
from django.db import DatabaseError

from agents.models import Agent, Gpu
from tasks.models import AllocatedGpu, SubAgent
from tasks.reporting import gpu_use, usage
from tasks.reporting.usage import Usage
from tasks.states import SubAgentState
from tests.factories import make_agent, make_allocation, make_gpu, make_sub_agent
from tests.tasks.protocol import PaperHost

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_left_over() -> None:
    gpu_use._hosts.clear()
    usage._fresh.clear()


@pytest.fixture
def agent() -> Agent:
    return make_agent()


@pytest.fixture
def card(agent: Agent) -> Gpu:
    return make_gpu(agent, uuid="GPU-1", memory_mib=49152)


def sharing(agent: Agent, card: Gpu, mib: int = 6144) -> SubAgent:
    sub_agent = make_sub_agent(agent=agent)
    sub_agent.allocation.delete()
    make_allocation(sub_agent, gpus=[card], shared_mib=mib)
    return sub_agent


def peak(sub_agent: SubAgent) -> int:
    return AllocatedGpu.objects.get(allocation__sub_agent=sub_agent).peak_mib


def said(agent: Agent, sub_agent: SubAgent, mib: int, card: str = "GPU-1") -> None:
    gpu_use.receive(agent, {sub_agent.pk: {card: mib}})


def shown(sub_agent: SubAgent) -> Any:
    sub_agent.refresh_from_db()
    return sub_agent.gpu_info


def test_a_peak_is_raised_and_never_lowered(agent: Agent, card: Gpu) -> None:
    sub_agent = sharing(agent, card)
    for mib, expected in ((2000, 2000), (5000, 5000), (100, 5000)):
        said(agent, sub_agent, mib)
        assert gpu_use.flush() == 1
        assert peak(sub_agent) == expected
        assert shown(sub_agent) == [{"uuid": "GPU-1", "memory_mib": mib, "utilization": None}]
    said(agent, sub_agent, 100)
    assert gpu_use.flush() == 0


@pytest.mark.parametrize("mib", [50, 8000])
def test_a_server_that_knows_nothing_more_lowers_no_peak(agent: Agent, card: Gpu, mib: int) -> None:
    sub_agent = sharing(agent, card)
    said(agent, sub_agent, 9000)
    gpu_use._hosts.clear()
    said(agent, sub_agent, mib)
    gpu_use.flush()
    assert peak(sub_agent) == 9000


def test_the_highest_of_several_heartbeats_counts(agent: Agent, card: Gpu) -> None:
    sub_agent = sharing(agent, card)
    for mib in (10, 4000, 20):
        said(agent, sub_agent, mib)
    gpu_use.receive(agent, {})
    gpu_use.flush()
    assert (peak(sub_agent), shown(sub_agent)) == (4000, [])


def test_more_than_booked_is_written_at_once(agent: Agent, card: Gpu) -> None:
    sub_agent = sharing(agent, card, 6144)
    said(agent, sub_agent, 6144)
    assert peak(sub_agent) == 0
    said(agent, sub_agent, 7000)
    assert peak(sub_agent) == 7000


def test_a_heartbeat_that_says_nothing_new_asks_nothing(
    agent: Agent, card: Gpu, django_assert_num_queries: Any
) -> None:
    sub_agent = sharing(agent, card)
    said(agent, sub_agent, 7000)
    gpu_use.flush()
    with django_assert_num_queries(0):
        said(agent, sub_agent, 7000)
        said(agent, sub_agent, 6500)
        gpu_use.receive(agent, None)


def test_another_hosts_sub_agent_is_not_touched(agent: Agent, card: Gpu) -> None:
    sub_agent, liar = sharing(agent, card), make_agent(name="liar")
    said(liar, sub_agent, 40000)
    gpu_use.flush()
    assert (peak(sub_agent), shown(sub_agent)) == (0, [])


def test_a_card_that_it_does_not_hold_is_shown_and_booked_nowhere(agent: Agent, card: Gpu) -> None:
    sub_agent = sharing(agent, card)
    make_gpu(agent, uuid="GPU-2", index=1)
    said(agent, sub_agent, 40000, "GPU-2")
    gpu_use.flush()
    assert (peak(sub_agent), shown(sub_agent)[0]["uuid"]) == (0, "GPU-2")


def test_what_is_released_or_over_stays_as_it_was(agent: Agent, card: Gpu) -> None:
    ended = make_sub_agent(agent=agent, state=SubAgentState.FAILED, gpus=[card], gpu_info=[{"uuid": "GPU-1"}])
    said(agent, ended, 40000)
    gpu_use.flush()
    assert (peak(ended), shown(ended)) == (0, [{"uuid": "GPU-1"}])


def test_the_first_heartbeat_after_a_start_clears_what_is_over(agent: Agent, card: Gpu) -> None:
    sub_agent = make_sub_agent(agent=agent, gpus=[card], gpu_info=[{"uuid": "GPU-1", "memory_mib": 5}])
    gpu_use.receive(agent, None)
    assert gpu_use.flush() == 0
    gpu_use.receive(agent, {})
    assert gpu_use.flush() == 1
    assert shown(sub_agent) == []


def test_a_busy_database_loses_no_peak(agent: Agent, card: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    sub_agent = sharing(agent, card)
    said(agent, sub_agent, 3000)

    def busy(*_: Any) -> None:
        raise DatabaseError("locked")

    with monkeypatch.context() as patch:
        patch.setattr(gpu_use, "_write", busy)
        with pytest.raises(DatabaseError):
            gpu_use.flush()
    said(agent, sub_agent, 1000)
    gpu_use.flush()
    assert peak(sub_agent) == 3000


def test_a_report_without_cards_does_not_wipe_them(agent: Agent, card: Gpu) -> None:
    sub_agent = sharing(agent, card)
    said(agent, sub_agent, 3000)
    gpu_use.flush()
    usage.keep(sub_agent.pk, Usage(cpu_percent=1.0))
    usage.flush()
    assert shown(sub_agent)[0]["memory_mib"] == 3000


def test_it_comes_with_a_heartbeat() -> None:
    host = PaperHost(gpus=[{"index": 0, "uuid": "GPU-1", "name": "A", "memory_mib": 49152}])
    agent = Agent.objects.get()
    sub_agent = sharing(agent, agent.gpus.get())
    row = {"sub_agent_id": str(sub_agent.pk), "gpus": [{"uuid": "GPU-1", "memory_mib": 9000}]}
    host.beat(gpu_use=[row])
    assert (host.status, peak(sub_agent)) == (200, 9000)


@pytest.mark.parametrize(
    ("rubbish", "field"),
    [
        ([{"sub_agent_id": "x", "gpus": []}], "$.gpu_use[0].sub_agent_id"),
        ([{"sub_agent_id": "6f1f6a9e-51b5-4c4e-9b57-0d1f6f5c8a11", "gpus": [{"uuid": "", "memory_mib": 1}]}], "uuid"),
        (
            [{"sub_agent_id": "6f1f6a9e-51b5-4c4e-9b57-0d1f6f5c8a11", "gpus": [{"uuid": "a", "memory_mib": -1}]}],
            "$.gpu_use[0].gpus[0].memory_mib",
        ),
        ({"a": 1}, "$.gpu_use"),
    ],
)
def test_rubbish_is_refused_by_name(rubbish: Any, field: str) -> None:
    host = PaperHost()
    reply = host.beat(gpu_use=rubbish)
    assert (host.status, reply["code"]) == (400, "bad_message")
    assert field in reply["detail"]
