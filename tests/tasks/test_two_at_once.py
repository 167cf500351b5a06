"""Two callers at the same moment, many times: cancel against finish and claim, deactivation against claim."""

import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from agents import administration
from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import DomainError
from tasks import lifecycle
from tasks.models import Allocation, SubAgent, Task
from tasks.outcome import Outcome
from tasks.states import EndReason, SubAgentState
from tests.factories import make_agent, make_sub_agent

pytestmark = pytest.mark.django_db(transaction=True)

IN_GATE = 60
ROUNDS = [IN_GATE, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(7200)])]


class Other:
    """A thread with a connection of its own that does what it is given, at the same moment as we do ours."""

    def __init__(self) -> None:
        self._start, self._end = threading.Barrier(2), threading.Barrier(2)
        self._act: Callable[[], object] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.error: Exception | None = None

    def race(self, ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[bool, bool]:
        """Whether each was done; False: refused, the other was first."""
        self._act = theirs
        self._start.wait(60)
        done = is_done(ours)
        self._end.wait(60)
        assert self.error is None
        return done, self.was_done

    def close(self) -> None:
        self._act = None
        self._start.wait(60)
        self._thread.join(60)

    def _run(self) -> None:
        while True:
            self._start.wait(600)
            if self._act is None:
                connection.close()
                return
            try:
                self.was_done = is_done(self._act)
            except Exception as error:  # noqa: BLE001 - race() shows it
                self.error = error
            self._end.wait(60)


def is_done(act: Callable[[], object]) -> bool:
    try:
        act()
    except DomainError:
        return False
    return True


@pytest.fixture
def other() -> Iterator["Other"]:
    racing = Other()
    yield racing
    racing.close()


def told(sub_agent: SubAgent) -> Outcome:
    """What its sub agent would report: canceled if it has heard of the stop by now, else the script's own end."""
    if SubAgent.objects.values_list("stop_reason", flat=True).get(pk=sub_agent.pk):
        return Outcome(SubAgentState.CANCELED, EndReason.CANCEL, digest="canceled")
    return Outcome(SubAgentState.SUCCEEDED, EndReason.EXIT, exit_code=0, digest="ended")


@pytest.mark.matrix(70)
@pytest.mark.parametrize("rounds", ROUNDS)
def test_cancel_against_finish(other: Other, rounds: int) -> None:
    host, chance = make_agent(cpu_cores=64), random.Random(rounds)
    for _ in range(rounds):
        sub_agent = make_sub_agent(agent=host)
        pause = chance.random() * 0.003

        def finish(row: SubAgent = sub_agent, pause: float = pause) -> None:
            time.sleep(pause)
            lifecycle.finish(SubAgent.objects.get(pk=row.pk), told(row), actor=SYSTEM)

        canceled, finished = other.race(lambda row=sub_agent: lifecycle.cancel(row.task_id, actor=SYSTEM), finish)
        assert finished
        task, row = Task.objects.get(pk=sub_agent.task_id), SubAgent.objects.get(pk=sub_agent.pk)
        assert (task.status, row.state) in {("completed", "succeeded"), ("canceled", "canceled")}
        assert task.status == "completed" or canceled
        assert [event.verb for event in task.events.all()].count("ended") == 1
        assert not Allocation.objects.filter(sub_agent=row, released_at=None).exists()
        for again in (Outcome(SubAgentState.FAILED, EndReason.EXIT, exit_code=1, digest="other"), told(row)):
            assert not is_done(lambda row=row, again=again: lifecycle.finish(row, again, actor=SYSTEM))


@pytest.mark.matrix(70)
def test_cancel_against_claim(other: Other) -> None:
    """Canceled before the claim: never starts. Claimed before the cancel: the host is asked to stop it."""
    host = make_agent(cpu_cores=64)
    for _ in range(IN_GATE):
        sub_agent = make_sub_agent(agent=host, state="assigned")
        _, claimed = other.race(
            lambda row=sub_agent: lifecycle.cancel(row.task_id, actor=SYSTEM),
            lambda row=sub_agent: lifecycle.claim(SubAgent.objects.get(pk=row.pk), "nonce"),
        )
        task, row = Task.objects.get(pk=sub_agent.task_id), SubAgent.objects.get(pk=sub_agent.pk)
        if claimed:
            assert (task.status, row.state, row.stop_reason) == ("waiting", "starting", "cancel")
        else:
            assert (task.status, row.state) == ("canceled", "revoked")


@pytest.mark.matrix(71)
def test_deactivation_against_claim(other: Other) -> None:
    """The claim comes first, or it is refused; what is decided holds for every claim that begins afterwards."""
    chance = random.Random(1)
    for _ in range(IN_GATE):
        host = make_agent()
        sub_agent = make_sub_agent(agent=host, state="assigned")
        moments: dict[str, float] = {}

        def deactivate(host: Agent = host, moments: dict[str, float] = moments) -> None:
            administration.deactivate(host, actor=SYSTEM)
            moments["decided"] = time.monotonic()

        def claim(row: SubAgent = sub_agent, moments: dict[str, float] = moments) -> None:
            time.sleep(chance.random() * 0.02)
            moments["asked"] = time.monotonic()
            lifecycle.claim(SubAgent.objects.get(pk=row.pk), "nonce")

        decided, claimed = other.race(deactivate, claim)
        assert decided
        assert SubAgent.objects.get(pk=sub_agent.pk).state == ("starting" if claimed else "assigned")
        if moments["asked"] > moments["decided"]:
            assert not claimed
        lifecycle_is_closed = not is_done(
            lambda row=sub_agent: lifecycle.claim(SubAgent.objects.get(pk=row.pk), "another nonce")
        )
        assert lifecycle_is_closed
