"""Out of memory in the rows: the label, the next attempt's request, and what stays as the user asked."""

from typing import Any

import pytest

from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from tasks import describe, lifecycle
from tasks.models import AllocatedGpu, SubAgent, Task
from tasks.outcome import Outcome
from tasks.pages.asked import placement_facts
from tasks.scheduling import run
from tasks.scheduling.rows import lanes
from tasks.scheduling.rows.largest import largest_for
from tasks.scheduling.rows.request import task_request
from tasks.states import EndReason, SubAgentState
from tests.factories import make_agent, make_task

pytestmark = pytest.mark.django_db
GIB = 1024
SHARE: dict[str, Any] = {"gpu_count": 1, "gpu_share": True, "gpu_memory": 8 * GIB}


def running(**fields: Any) -> SubAgent:
    """Placed by a pass, so that it holds what it asks for."""
    task = make_task(**fields)
    while not run.run_pass():
        pass
    sub_agent = SubAgent.objects.get(task=task, state=SubAgentState.ASSIGNED)
    lifecycle.claim(sub_agent, "nonce")
    lifecycle.start(sub_agent, pid=1, actor=SYSTEM)
    return sub_agent


def out_of_memory(sub_agent: SubAgent, kind: str, **changes: Any) -> Task:
    outcome = Outcome(SubAgentState.FAILED, EndReason.OOM, exit_code=1, oom_kind=kind, **changes)
    lifecycle.finish(sub_agent, outcome, actor=SYSTEM)
    return Task.objects.get(pk=sub_agent.task_id)


def test_gpu_label_with_what_was_booked_and_seen() -> None:
    make_agent(gpus=1, gpu_memory_mib=48 * GIB)
    sub_agent = running(**SHARE)
    AllocatedGpu.objects.update(peak_mib=11673)
    task = out_of_memory(sub_agent, "gpu", oom_evidence="CUDA out of memory.")
    words = "Out of GPU memory: asked 8 GiB, saw 11.4 GiB. The output says: CUDA out of memory."
    assert (task.status, task.end_reason, describe.end_sentence(task)) == ("failed", "oom", words)
    assert SubAgent.objects.get().oom_kind == "gpu"


def test_host_label_and_an_older_agent_that_names_no_kind() -> None:
    make_agent()
    task = out_of_memory(running(memory_mib=4 * GIB), "", peak_memory_mib=4200, detail="Its kernel killed it.")
    assert describe.end_sentence(task) == "Out of memory: asked 4 GiB, saw 4.1 GiB. Its kernel killed it."


def test_a_share_grows_and_the_wish_stays() -> None:
    make_agent(gpus=1, gpu_memory_mib=48 * GIB)
    task = out_of_memory(running(**SHARE, retries=1, oom_memory_factor=1.5), "gpu")
    assert (task.status, task.gpu_memory, task.grown) == ("waiting", 8 * GIB, {"gpu_memory": 12 * GIB})
    event = task.events.get(verb="grown")
    assert (event.reason, event.detail) == ("GPU memory 8 GiB → 12 GiB", {"gpu_memory": 12 * GIB})
    assert task.lane == lanes.columns_of(task)["lane"] != lanes.columns_of(make_task(**SHARE))["lane"]
    assert ("Asks for now", "12 GiB of GPU memory") in placement_facts(task)
    assert booked_next(task).gpus.get().memory_mib == 12 * GIB


def test_it_grows_again_from_what_it_had() -> None:
    make_agent(gpus=1, gpu_memory_mib=48 * GIB)
    task = out_of_memory(running(**SHARE, retries=2, oom_memory_factor=1.5), "gpu")
    booked_next(task)
    again = SubAgent.objects.get(task=task, attempt_no=2)
    lifecycle.claim(again, "nonce")
    task = out_of_memory(again, "gpu")
    assert task.grown == {"gpu_memory": 18 * GIB}
    assert SubAgent.objects.get(pk=again.pk).end_detail == "Out of GPU memory: asked 12 GiB."


def test_a_share_becomes_a_whole_card() -> None:
    make_agent(gpus=1, gpu_memory_mib=48 * GIB)
    task = out_of_memory(running(**SHARE, retries=1, oom_exclusive=True), "gpu")
    assert task_request(task, frozenset()).shape.gpu_share is False
    card = booked_next(task).gpus.get()
    assert (card.is_shared, card.memory_mib) == (False, 48 * GIB)


def test_memory_grows_to_the_largest_host_that_it_may_use() -> None:
    make_agent("small", memory_mib=8 * GIB)
    make_agent("large", memory_mib=512 * GIB)
    task = make_task(memory_mib=6 * GIB, exclude_hosts=["large"], retries=1, oom_memory_factor=2.0)
    assert largest_for(task).memory_mib == 8 * GIB
    (sub_agent,) = lifecycle.place(task.pk, [Agent.objects.get(name="small")])
    lifecycle.claim(sub_agent, "nonce")
    assert out_of_memory(sub_agent, "host").grown == {"memory_mib": 8 * GIB}


def test_largest_card_counts_only_where_there_are_enough() -> None:
    make_agent(gpus=1, gpu_memory_mib=80 * GIB)
    make_agent(gpus=4, gpu_memory_mib=48 * GIB)
    assert largest_for(make_task(gpu_count=2)).card_mib == 48 * GIB
    assert largest_for(make_task(gpu_count=1)).card_mib == 80 * GIB


def test_where_nothing_can_grow_it_is_said_and_tried_again_all_the_same() -> None:
    make_agent(gpus=1, gpu_memory_mib=8 * GIB)
    task = out_of_memory(running(**SHARE, retries=1, oom_memory_factor=2.0), "gpu")
    assert (task.status, task.grown) == ("waiting", {})
    assert task.events.get(verb="grown").reason == "nothing: no host that it may use has more"


def test_without_the_wish_the_same_is_asked_for_again() -> None:
    make_agent(gpus=1, gpu_memory_mib=48 * GIB)
    task = out_of_memory(running(**SHARE, retries=1), "gpu")
    assert (task.status, task.grown) == ("waiting", {})
    assert not task.events.filter(verb="grown").exists()


def test_what_the_user_says_now_counts_more_than_what_it_grew_by() -> None:
    make_agent(gpus=1, gpu_memory_mib=48 * GIB)
    task = out_of_memory(running(**SHARE, retries=1, oom_memory_factor=1.5), "gpu")
    assert lifecycle.edit(task.pk, {"name": "other"}, actor=SYSTEM).grown == {"gpu_memory": 12 * GIB}
    assert lifecycle.edit(task.pk, {"gpu_memory": 10 * GIB}, actor=SYSTEM).grown == {}


def booked_next(task: Task) -> Any:
    Task.objects.filter(pk=task.pk).update(not_before=None)
    while not run.run_pass():
        pass
    return SubAgent.objects.get(task=task, state=SubAgentState.ASSIGNED).allocation
