"""Two callers at the same moment, again and again, over the real verbs: cancel and finish, cancel and claim, deactivate
and claim, submit and submit. Each pair has two legal ends and no third."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

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

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = [pytest.param(20), pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
DONE = Outcome(SubAgentState.SUCCEEDED, EndReason.EXIT, exit_code=0, digest="d")


class Pair:
    """Two threads that each do one thing a round, let go together. `results`: what each said in the last round."""

    def __init__(self, *verbs: Callable[[], Any]) -> None:
        self.results: list[Any] = [None, None]
        self._gate = threading.Barrier(3)
        self._is_over = False
        self._threads = [
            threading.Thread(target=self._run, args=(number, verb), daemon=True) for number, verb in enumerate(verbs)
        ]
        for thread in self._threads:
            thread.start()

    def once(self) -> tuple[str, str]:
        self._gate.wait(60)
        self._gate.wait(60)
        faults = [result for result in self.results if isinstance(result, Exception)]
        if faults:
            raise faults[0]
        return tuple(self.results)  # type: ignore[return-value]

    def end(self) -> None:
        self._is_over = True
        self._gate.wait(60)
        for thread in self._threads:
            thread.join(60)

    def _run(self, number: int, verb: Callable[[], Any]) -> None:
        try:
            while True:
                self._gate.wait(60)
                if self._is_over:
                    return
                self.results[number] = self._said_by(verb)
                self._gate.wait(60)
        finally:
            connection.close()

    def _said_by(self, verb: Callable[[], Any]) -> Any:
        try:
            verb()
        except DomainError:
            return "refused"
        except Exception as fault:  # noqa: BLE001 - the test shows it
            return fault
        return "done"


@contextmanager
def pair(*verbs: Callable[[], Any]) -> Iterator[Pair]:
    both = Pair(*verbs)
    try:
        yield both
    finally:
        both.end()


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
    with _queries() as found:
        lifecycle.claim(sub_agent, "n")
    looks = [sql for sql in found if sql.startswith('SELECT "agents_agent"."standing"')]
    assert len(looks) == 1
    if connection.features.has_select_for_update:
        assert "FOR UPDATE" in looks[0]


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


@contextmanager
def _queries() -> Iterator[list[str]]:
    found: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        found.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        yield found
