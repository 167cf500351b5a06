"""Gangs in any order of events: whatever comes when, the promises hold after every step and the gang ends."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import DomainError
from tasks import lifecycle
from tasks.models import SubAgent, Task
from tasks.outcome import Outcome, lost
from tasks.states import CLAIMED_STATES, EndReason, SubAgentState
from tests.examples import examples
from tests.factories import make_agent, make_task
from tests.tasks.test_gangs import check_invariants, member, members, place

pytestmark = pytest.mark.django_db

SIZE = 3
OUTCOMES = [
    Outcome(SubAgentState.SUCCEEDED, EndReason.EXIT, exit_code=0),
    Outcome(SubAgentState.FAILED, EndReason.EXIT, exit_code=1),
    Outcome(SubAgentState.CANCELED, EndReason.CANCEL),
    Outcome(SubAgentState.TIMED_OUT, EndReason.TIMEOUT),
    lost(EndReason.NO_RECORD, "gone", is_proven=True),
    lost(EndReason.HOST_LOST, "a day", is_proven=False),
]
VOIDS = [SubAgentState.REVOKED, SubAgentState.REJECTED, SubAgentState.NOT_STARTED]

Step = Callable[[Task, int], Any]


def accept(task: Task, rank: int) -> None:
    lifecycle.claim(member(task, rank), f"nonce-{rank}", 4000)


def start(task: Task, rank: int) -> None:
    lifecycle.start(member(task, rank), pid=7, actor=SYSTEM)


def ends(outcome: Outcome) -> Step:
    return lambda task, rank: lifecycle.finish(member(task, rank), outcome, actor=SYSTEM)


def gives_back(state: SubAgentState) -> Step:
    return lambda task, rank: lifecycle.give_back(member(task, rank), state, "no", actor=SYSTEM)


def cancel(task: Task, rank: int) -> None:
    lifecycle.cancel(task.pk, actor=SYSTEM)


def put(task: Task, rank: int) -> None:
    place(task)


STEPS: list[Step] = [accept, accept, accept, start, start, cancel, put]
STEPS += [ends(outcome) for outcome in OUTCOMES] + [gives_back(state) for state in VOIDS]
ORDERS = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, SIZE - 1)), max_size=25)


@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=ORDERS, retries=st.integers(0, 1))
def test_any_order_of_events(order: list[tuple[Step, int]], retries: int) -> None:
    for rank in range(SIZE - Agent.objects.count()):
        make_agent(f"gpu-{rank}")
    task = place(make_task(node_count=SIZE, retries=retries))
    for step, rank in order:
        tried(step, task, rank)
        holds(task)
    finished(task)


def tried(step: Step, task: Task, rank: int) -> None:
    """What the rules refuse changes nothing. Whoever calls a verb within a transaction of its own gives that up."""
    before = snapshot(task)
    try:
        with transaction.atomic():
            step(task, rank)
    except DomainError:
        assert snapshot(task) == before


def snapshot(task: Task) -> Any:
    rows = [(found.state, found.stop_reason, found.claim_nonce) for found in members(task)]
    return rows, Task.objects.values("status", "current_fence", "voids", "retries_used").get(pk=task.pk)


def holds(task: Task) -> None:
    task.refresh_from_db()
    check_invariants(task)
    for attempt_no in range(1, task.attempt_no + 1):
        never_half(list(task.sub_agents.filter(attempt_no=attempt_no)))


def never_half(found: list[SubAgent]) -> None:
    """Nobody was granted before all had accepted; after a failure nobody is left who was not told to stop."""
    was_granted = [one for one in found if one.state not in (SubAgentState.ASSIGNED, *VOIDS)]
    if was_granted:
        assert all(one.claim_nonce for one in found)
    broken = any(not one.is_live and one.state != SubAgentState.SUCCEEDED for one in found)
    if broken:
        assert all(one.stop_reason for one in found if one.is_live)
        assert not any(one.state == SubAgentState.ASSIGNED for one in found)


def finished(task: Task) -> None:
    """Once its members have ended, the task waits again or is final, and holds nothing."""
    for found in members(task):
        if found.state in CLAIMED_STATES:
            lifecycle.finish(found, OUTCOMES[0], actor=SYSTEM)
        elif found.is_live:
            tried(gives_back(SubAgentState.REVOKED), task, found.rank)
    holds(task)
    for found in members(task):  # one that was asked to stop when another was taken back
        if found.is_live:
            lifecycle.finish(found, OUTCOMES[2], actor=SYSTEM)
    holds(task)
    assert task.current_fence is None
    assert task.is_final or task.status == "waiting"
