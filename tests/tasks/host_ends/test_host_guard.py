"""A host on which attempts keep failing for its own fault is paused once, with the reason, until an operator resumes
it."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks

from agents import administration
from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from tasks import agent_tree, lifecycle, recovery
from tasks.host_ends import host_guard
from tasks.models import SubAgent, Task
from tasks.outcome import Outcome, state_of
from tasks.states import EndReason, SubAgentState
from tests.factories import make_agent, make_task

pytestmark = pytest.mark.django_db


def attempt(agent: Agent, task: Task | None = None) -> SubAgent:
    (sub_agent,) = lifecycle.place((task or make_task()).pk, [agent])
    return sub_agent


def reject(agent: Agent, task: Task | None = None) -> SubAgent:
    sub_agent = attempt(agent, task)
    lifecycle.give_back(sub_agent, SubAgentState.REJECTED, "disk_full", actor=SYSTEM, blames_host=True)
    return sub_agent


def fail(agent: Agent, reason: EndReason, *, is_host_fault: bool = False) -> SubAgent:
    sub_agent = attempt(agent)
    lifecycle.claim(sub_agent, "nonce")
    outcome = Outcome(state_of(reason, None), reason, exit_code=1, is_host_fault=is_host_fault)
    lifecycle.finish(sub_agent, outcome, actor=SYSTEM)
    return sub_agent


def standing(agent: Agent) -> str:
    agent.refresh_from_db()
    return agent.standing


@pytest.mark.parametrize(
    ("reason", "is_host_fault", "counts"),
    [
        (EndReason.SUB_LOST, False, True),
        (EndReason.DISK_FULL, False, True),
        (EndReason.SPAWN_ERROR, True, True),
        (EndReason.SPAWN_ERROR, False, False),
        (EndReason.EXIT, False, False),
        (EndReason.TIMEOUT, False, False),
        (EndReason.OOM, False, False),
    ],
)
def test_what_counts(reason: EndReason, is_host_fault: bool, counts: bool) -> None:
    agent = make_agent()
    for _ in range(3):
        fail(agent, reason, is_host_fault=is_host_fault)
    assert host_guard.look(agent.pk) is counts


def test_it_is_paused_at_the_third_with_the_tasks_and_only_once(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    agent = make_agent("gpu-1")
    with django_capture_on_commit_callbacks(execute=True):
        tasks = [reject(agent).task_id, fail(agent, EndReason.SUB_LOST).task_id]
    assert standing(agent) == "active"
    with django_capture_on_commit_callbacks(execute=True):
        tasks.append(reject(agent).task_id)
    assert standing(agent) == "paused"
    listed = ", ".join(f"#{number}" for number in reversed(tasks))
    words = f"3 attempts failed here for the host's fault within 10 min: {listed}. The latest: disk_full"
    assert agent.standing_reason == words
    assert agent_tree.agent_tree()[0]["standing_reason"] == words
    with django_capture_on_commit_callbacks(execute=True):
        reject(agent)
    assert agent.events.filter(verb="pause").count() == 1


def test_after_an_operator_resumed_it_the_count_begins_anew() -> None:
    agent = make_agent()
    for _ in range(3):
        reject(agent)
    assert host_guard.look(agent.pk)
    agent.refresh_from_db()
    administration.resume(agent, actor=SYSTEM)
    assert (standing(agent), agent.standing_reason) == ("active", "")
    assert not host_guard.look(agent.pk)
    for _ in range(2):
        reject(agent)
    assert not host_guard.look(agent.pk)
    reject(agent)
    assert host_guard.look(agent.pk)


def test_what_is_longer_ago_does_not_count() -> None:
    agent = make_agent()
    for _ in range(3):
        reject(agent)
    SubAgent.objects.filter(pk=SubAgent.objects.first().pk).update(ended_at=timezone.now() - timedelta(minutes=11))  # type: ignore[union-attr]
    assert not host_guard.look(agent.pk)


def test_one_task_alone_is_the_task_fault() -> None:
    agent, task = make_agent(), make_task()
    for _ in range(5):
        reject(agent, task)
        Task.objects.filter(pk=task.pk).update(not_before=None)
    assert not host_guard.look(agent.pk)
    reject(agent)
    assert host_guard.look(agent.pk)


@pytest.mark.parametrize(("connectivity", "counts"), [("online", True), ("suspect", False), ("unreachable", False)])
def test_a_host_that_is_heard_and_does_not_accept_is_bad_a_silent_one_is_not(
    connectivity: str, counts: bool, settings: LazySettings
) -> None:
    agent = make_agent(connectivity=connectivity)
    assigned = [attempt(agent) for _ in range(3)]
    SubAgent.objects.update(created_time=timezone.now() - timedelta(seconds=settings.CLAIM_SECONDS + 1))
    recovery._revoke_unclaimed()
    assert SubAgent.objects.filter(state=SubAgentState.REVOKED).count() == len(assigned)
    assert host_guard.look(agent.pk) is counts


def test_it_can_be_switched_off(settings: LazySettings) -> None:
    settings.HOST_FAULTS = 0
    agent = make_agent()
    for _ in range(9):
        reject(agent)
    assert not host_guard.look(agent.pk)
