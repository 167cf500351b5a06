"""A planned placement becomes a sub agent with its allocation, or nothing at all when the plan is old."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from agents.models import Agent, Gpu
from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tasks.models import AllocatedGpu, Allocation, SubAgent, Task
from tasks.scheduling.place import place
from tasks.scheduling.rows.request import task_request
from tasks.scheduling.values import Member, Placement, Request, Shape
from tests.factories import make_agent, make_sub_agent, make_task

pytestmark = pytest.mark.django_db


def planned(task: Task, agent: Agent, *gpus: Gpu) -> Placement:
    request = task_request(task, frozenset())
    return Placement(request, (Member(str(agent.pk), tuple(gpu.pk for gpu in gpus)),))


def untouched(task: Task) -> bool:
    task.refresh_from_db()
    return (
        task.current_fence is None
        and not SubAgent.objects.filter(task=task).exists()
        and not Allocation.objects.filter(sub_agent__task=task).exists()
        and not task.events.filter(verb="placed").exists()
    )


def test_it_holds_what_the_task_asks_for() -> None:
    agent = make_agent(gpus=2)
    task = make_task(cpu_cores=Decimal("1.5"), memory_mib=100, gpu_count=2)
    assert place(planned(task, agent, *agent.gpus.all()))
    task.refresh_from_db()
    sub_agent = SubAgent.objects.get()
    assert (task.current_fence, task.attempt_no, task.agent_name) == (sub_agent.fence, 1, agent.name)
    assert (sub_agent.allocation.cpu_cores, sub_agent.allocation.memory_mib) == (Decimal("1.5"), 100)
    held = AllocatedGpu.objects.values_list("memory_mib", "is_shared")
    assert list(held) == [(24576, False), (24576, False)]


def test_a_share_holds_its_part() -> None:
    agent = make_agent(gpus=1)
    for expected in (True, True, False):
        task = make_task(gpu_count=1, gpu_memory=10_000, gpu_share=True)
        assert place(planned(task, agent, *agent.gpus.all())) is expected
    assert list(AllocatedGpu.objects.values_list("memory_mib", "is_shared")) == [(10_000, True)] * 2


def canceled(task: Task, agent: Agent) -> None:
    lifecycle.cancel(task.pk, actor=SYSTEM)


def placed_already(task: Task, agent: Agent) -> None:
    make_sub_agent(task, agent, state="revoked")
    Task.objects.filter(pk=task.pk).update(current_fence=77)


LOST: dict[str, Callable[[Task, Agent], object]] = {
    "the host went silent": lambda task, agent: Agent.objects.update(connectivity="suspect"),
    "the host was paused": lambda task, agent: Agent.objects.update(standing="paused"),
    "the host takes no work": lambda task, agent: Agent.objects.update(accepts_work=False),
    "the host shrank": lambda task, agent: Agent.objects.update(cpu_cores=1),
    "the cores are taken": lambda task, agent: make_sub_agent(make_task(cpu_cores=15), agent),
    "the card is taken": lambda task, agent: make_sub_agent(make_task(), agent, gpus=list(agent.gpus.all())),
    "the card fell off": lambda task, agent: Gpu.objects.update(is_present=False),
    "the task was canceled": canceled,
    "the task asks for more now": lambda task, agent: Task.objects.filter(pk=task.pk).update(cpu_cores=17),
}


@pytest.mark.parametrize("name", LOST)
def test_an_old_plan_changes_nothing(name: str) -> None:
    agent = make_agent(gpus=1)
    task = make_task(cpu_cores=2, gpu_count=1)
    LOST[name](task, agent)
    assert not place(planned(task, agent, *agent.gpus.all()))
    assert untouched(task)


def test_a_task_that_was_placed_already_is_not_placed_twice() -> None:
    agent = make_agent()
    task = make_task()
    assert place(planned(task, agent))
    assert not place(planned(task, agent))
    assert SubAgent.objects.count() == Allocation.objects.count() == 1


def test_what_the_task_asks_for_now_counts_not_what_was_planned() -> None:
    agent = make_agent()
    task = make_task(cpu_cores=2)
    Task.objects.filter(pk=task.pk).update(cpu_cores=3)
    assert place(planned(task, agent))
    assert Allocation.objects.get().cpu_cores == 3


def test_nobody_and_nowhere() -> None:
    agent, task = make_agent(), make_task()
    unknown = Member("00000000-0000-0000-0000-000000000000")
    assert not place(Placement(Request(task.pk + 99, Shape()), (Member(str(agent.pk)),)))
    assert not place(Placement(task_request(task, frozenset()), (unknown,)))
    assert untouched(task)
