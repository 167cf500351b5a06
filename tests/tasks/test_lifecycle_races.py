"""Callers at the same moment: verbs with rows as they were read before another one committed, and threads that call
every verb at random. First commit wins; the rules hold whatever the order."""

import random
import threading
from collections.abc import Callable

import pytest
from django.db import connection

from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import DomainError
from tasks import lifecycle, submission
from tasks.models import Dependency, SubAgent, Task
from tasks.outcome import Outcome, lost
from tasks.scheduling.run import run_pass
from tasks.states import EndReason, SubAgentState
from tests.factories import make_agent, make_sub_agent
from tests.tasks.test_lifecycle_matrix import check_invariants

THREADS = 4
STEPS = 150


def as_read_before(sub_agent: SubAgent) -> SubAgent:
    return SubAgent.objects.select_related("task", "agent").get(pk=sub_agent.pk)


@pytest.mark.django_db
def test_a_start_said_twice_at_the_same_moment_is_said_once() -> None:
    first = make_sub_agent(state="starting", claim_nonce="n")
    second = as_read_before(first)
    lifecycle.start(first, pid=7, actor=SYSTEM)
    lifecycle.start(second, pid=7, actor=SYSTEM)
    assert second.state == "running"
    assert Task.objects.get(pk=first.task_id).events.filter(verb="started").count() == 1


def live(chance: random.Random) -> SubAgent:
    """Any attempt, preferably one that is live, as it is now."""
    rows = list(SubAgent.objects.order_by("-fence")[:6])
    if not rows:
        raise DomainError("none yet")
    return chance.choice(rows)


def some_task(chance: random.Random) -> int:
    return chance.choice(list(Task.objects.order_by("-pk").values_list("pk", flat=True)[:6]))


def submit(chance: random.Random) -> None:
    after = [some_task(chance)] if Task.objects.exists() and chance.random() < 0.6 else []
    asked = [{"id": pk, "kind": chance.choice(["afterok", "afterany", "afternotok"])} for pk in after]
    submission.submit(
        {"name": "t", "script_content": "true", "depends_on": asked, "retries": chance.randrange(2)}, actor=SYSTEM
    )


def end(chance: random.Random) -> None:
    outcome = chance.choice(
        [
            Outcome(SubAgentState.SUCCEEDED, EndReason.EXIT, exit_code=0, digest=str(chance.random())),
            Outcome(SubAgentState.FAILED, EndReason.EXIT, exit_code=1, digest=str(chance.random())),
            lost(EndReason.NO_RECORD, "gone", is_proven=True),
        ]
    )
    lifecycle.finish(live(chance), outcome, actor=SYSTEM)


def depend(chance: random.Random) -> None:
    submission.edit(some_task(chance), {"depends_on": [some_task(chance)]}, actor=SYSTEM)


VERBS: list[Callable[[random.Random], object]] = [
    submit,
    submit,
    lambda chance: run_pass(),
    lambda chance: run_pass(),
    lambda chance: lifecycle.claim(live(chance), "nonce"),
    lambda chance: lifecycle.claim(live(chance), "nonce"),
    lambda chance: lifecycle.start(live(chance), pid=1, actor=SYSTEM),
    end,
    lambda chance: lifecycle.cancel(some_task(chance), actor=SYSTEM),
    lambda chance: lifecycle.give_back(live(chance), SubAgentState.REVOKED, "late", actor=SYSTEM),
    lambda chance: lifecycle.give_back(live(chance), SubAgentState.NOT_STARTED, "no record", actor=SYSTEM),
    lambda chance: submission.edit(some_task(chance), {"priority": chance.randint(1, 5)}, actor=SYSTEM),
    depend,
]


def one_caller(seed: int, faults: list[Exception]) -> None:
    chance = random.Random(seed)
    try:
        for _ in range(STEPS):
            try:
                chance.choice(VERBS)(chance)
            except (DomainError, IndexError):
                continue  # refused: another one was first
    except Exception as fault:  # noqa: BLE001 - the test shows it
        faults.append(fault)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", [1, 2])
def test_threads_that_call_every_verb_at_random_break_no_rule(seed: int) -> None:
    make_agent(cpu_cores=3)
    faults: list[Exception] = []
    callers = [
        threading.Thread(target=one_caller, args=(seed * 100 + number, faults), daemon=True)
        for number in range(THREADS)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(100)
    assert not faults
    check_invariants()
    check_dependencies()
    assert SubAgent.objects.exclude(state__in=["assigned", "revoked"]).exists(), "nothing was ever claimed"


def check_dependencies() -> None:
    """A blocked task has open dependencies, as many as it says; every other one that started had them all met."""
    for task in Task.objects.all():
        edges = Dependency.objects.filter(task=task)
        open_edges = edges.filter(is_satisfied=False)
        if task.status == "blocked":
            assert open_edges.count() == task.unmet > 0
            assert not open_edges.filter(depends_on__status__in=["completed", "failed", "canceled"]).exists()
        elif task.status != "canceled":
            assert not open_edges.exists()
