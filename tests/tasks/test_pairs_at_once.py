"""Two callers at the same moment, again and again, over the real verbs: cancel and finish, cancel and claim, deactivate
and claim, submit and submit. Each pair has two legal ends and no third."""

from collections import Counter

import pytest
from django.db import connection

from agents import administration
from agents.models import Agent
from agents.states import Standing
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import DomainError
from tasks import lifecycle, submission
from tasks.models import Allocation, SubAgent, Task, TaskEvent
from tasks.outcome import Outcome
from tasks.states import EndReason, SubAgentState
from tests.factories import make_agent, make_sub_agent, make_user
from tests.tasks.at_once import pair, queries

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = [pytest.param(20), pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
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

    def finish(self) -> None:
        lifecycle.finish(self.fresh(), DONE, actor=SYSTEM)

    def claim(self) -> None:
        lifecycle.claim(self.fresh(), "n")


@pytest.mark.matrix(70)
@pytest.mark.parametrize("rounds", ROUNDS)
def test_cancel_and_finish(rounds: int) -> None:
    """The script ended by itself, so its result stands: the cancel is noted before, or refused after."""
    attempts, seen = Attempts("running"), Counter[str]()
    with pair(attempts.cancel, attempts.finish) as both:
        for _ in range(rounds):
            task_id = attempts.next().task_id
            canceled, finished = both.once()
            assert finished == "done"
            row = Task.objects.get(pk=task_id)
            assert (row.status, row.exit_code, row.current_fence) == ("completed", 0, None)
            assert (canceled == "done") == (row.cancel_requested_at is not None)
            assert TaskEvent.objects.filter(task=task_id, verb="ended").count() == 1
            assert not Allocation.objects.filter(sub_agent__task=task_id, released_at=None).exists()
            seen[canceled] += 1
    assert set(seen) <= {"done", "refused"}
    if rounds > 1000:
        assert len(seen) == 2, f"only one of the two ends was ever seen: {seen}"


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
    looks = [sql for sql in found if sql.startswith('SELECT "agents_agent"."standing"')]
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
