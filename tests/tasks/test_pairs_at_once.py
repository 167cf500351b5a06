"""Two callers at the same moment, again and again, over the real verbs: cancel and finish, cancel and claim, deactivate
and claim, submit and submit. Each pair has two legal ends and no third."""

from collections import Counter

import pytest
from django.db import connection, transaction

from agents import administration
from agents.models import Agent
from agents.states import Standing
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import DomainError
from tasks import lifecycle, submission
from tasks.models import Allocation, SubAgent, Task, TaskEvent
from tasks.outcome import Outcome
from tasks.states import EndReason, SubAgentState
from tests.factories import make_agent, make_sub_agent, make_user, next_fence
from tests.tasks.at_once import copy_of, for_each, forget_power_cuts, pair, queries

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = [pytest.param(20), pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
BATCH = 250  # attempts that are made and looked at together
RESULT = ("status", "exit_code", "current_fence")
DONE = Outcome(SubAgentState.SUCCEEDED, EndReason.EXIT, exit_code=0, digest="d")


class Attempts:
    """A new attempt for each round; what has ended is final and cannot be set back."""

    def __init__(self, state: str) -> None:
        self.state, self.agent = state, make_agent()
        self.latest = self.next()

    def next(self) -> SubAgent:
        self.latest = make_sub_agent(agent=self.agent, state=self.state, claim_nonce="n" * (self.state == "running"))
        return self.latest

    def fresh(self) -> SubAgent:
        """As the caller's request reads it."""
        return SubAgent.objects.select_related("task", "agent").get(pk=self.latest.pk)

    def cancel(self) -> None:
        lifecycle.cancel(self.latest.task_id, actor=SYSTEM)

    def claim(self) -> None:
        lifecycle.claim(self.fresh(), "n")


@pytest.mark.matrix(70)
@pytest.mark.parametrize("rounds", ROUNDS)
def test_cancel_and_finish(rounds: int) -> None:
    """The script ended by itself, so its result stands: the cancel is noted before, or refused after."""
    agent, seen = make_agent(), Counter[str]()
    forget_power_cuts()
    for start in range(0, rounds, BATCH):
        made = running_attempts(agent, min(BATCH, rounds - start))
        said = for_each(made, _cancel, _finish)
        assert {finished for _, finished in said} == {"done"}, said
        _check_results({one.task_id: canceled for one, (canceled, _) in zip(made, said, strict=True)})
        seen.update(canceled for canceled, _ in said)
    assert set(seen) <= {"done", "refused"}
    if rounds > 1000:
        assert len(seen) == 2, f"only one of the two ends was ever seen: {seen}"


@transaction.atomic
def running_attempts(agent: Agent, count: int) -> list[SubAgent]:
    """All alike; made one by one they would take as long as a verb."""
    first = make_sub_agent(agent=agent, claim_nonce="n")
    fences = [next_fence() for _ in range(count - 1)]
    tasks = Task.objects.bulk_create(copy_of(first.task, current_fence=fence) for fence in fences)
    others = SubAgent.objects.bulk_create(
        copy_of(first, task=task, fence=fence) for task, fence in zip(tasks, fences, strict=True)
    )
    Allocation.objects.bulk_create(copy_of(first.allocation, sub_agent=other) for other in others)
    return [first, *others]


def _cancel(sub_agent: SubAgent) -> None:
    lifecycle.cancel(sub_agent.task_id, actor=SYSTEM)


def _finish(sub_agent: SubAgent) -> None:
    """As the caller's request reads it."""
    lifecycle.finish(SubAgent.objects.select_related("task", "agent").get(pk=sub_agent.pk), DONE, actor=SYSTEM)


def _check_results(canceled: dict[int, str]) -> None:
    """Of each task: its result, whether the cancel was noted, one end, nothing held."""
    rows = Task.objects.filter(pk__in=canceled).values_list("pk", "cancel_requested_at", *RESULT)
    assert {pk: (at is not None, *result) for pk, at, *result in rows} == {
        pk: (said == "done", "completed", 0, None) for pk, said in canceled.items()
    }
    ends = TaskEvent.objects.filter(task__in=canceled, verb="ended").values_list("task_id", flat=True)
    assert Counter(ends) == Counter(canceled.keys())
    assert not Allocation.objects.filter(sub_agent__task__in=canceled, released_at=None).exists()


@pytest.mark.parametrize("rounds", [20])
def test_cancel_and_claim(rounds: int) -> None:
    """Canceled and never started, or started and asked to stop."""
    attempts = Attempts("assigned")
    with pair(attempts.cancel, attempts.claim) as both:
        for _ in range(rounds):
            attempts.next()
            canceled, claimed = both.once()
            assert canceled == "done"
            now = attempts.fresh()
            end = (claimed, now.task.status, now.state)
            assert end in {("refused", "canceled", "revoked"), ("done", "waiting", "starting")}
            assert now.stop_reason == ("cancel" if claimed == "done" else "")


@pytest.mark.matrix(71)
@pytest.mark.parametrize("rounds", [20])
def test_deactivate_and_claim(rounds: int) -> None:
    """The claim was first and its script runs, or it is refused; later ones are refused in any case."""
    attempts = Attempts("assigned")
    with pair(lambda: administration.deactivate(Agent.objects.get(), actor=SYSTEM), attempts.claim) as both:
        for _ in range(rounds):
            attempts.next()
            Agent.objects.update(standing=Standing.ACTIVE)
            deactivated, claimed = both.once()
            assert deactivated == "done"
            assert (claimed, attempts.fresh().state) in {("done", "starting"), ("refused", "assigned")}
            if claimed == "refused":
                with pytest.raises(DomainError):
                    attempts.claim()


@pytest.mark.matrix(71)
def test_a_claim_looks_at_its_host_under_the_host_s_lock() -> None:
    """Else a deactivation could be committed between the look and the claim's own commit."""
    sub_agent = make_sub_agent(agent=make_agent(), state="assigned")
    with queries() as found:
        lifecycle.claim(sub_agent, "n")
    looks = [sql for sql in found if sql.startswith("SELECT") and '"standing"' in sql]
    assert len(looks) == 1
    if connection.features.has_select_for_update:
        assert "FOR NO KEY UPDATE" in looks[0]


@pytest.mark.matrix(73)
@pytest.mark.parametrize("rounds", [20])
def test_one_script_submitted_twice_with_one_key(rounds: int) -> None:
    user = make_user()
    fields = {"name": "t", "script_content": "true"}
    made: list[int] = []

    def submit() -> None:
        made.append(submission.submit(fields, actor=SYSTEM, user=user, idempotency_key=key).pk)

    with pair(submit, submit) as both:
        for number in range(rounds):
            made.clear()
            key = f"key-{number}"
            assert both.once() == ("done", "done")
            assert made[0] == made[1]
    assert Task.objects.count() == rounds
