"""Rows are locked in one order (host, reservation, task, sub agent, allocation), so that nobody waits in a circle: seen
in the order of queries everywhere, and by two callers at once, which on PostgreSQL would end as a deadlock."""

import pytest
from django.utils import timezone

from agents import enrolment, readings
from agents.models import Agent, EnrolmentToken
from agents.readings import Resources
from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle, submission
from tasks.host_ends import giving_up, kept
from tasks.models import Allocation, Dependency, SubAgent, Task
from tasks.outcome import Outcome, lost
from tasks.reporting import usage
from tasks.reserving import reservations
from tasks.states import EndReason, Kept, SubAgentState
from tests.factories import make_agent, make_sub_agent, make_task, make_user
from tests.tasks.at_once import pair, queries
from tests.tasks.host_ends.test_failover import claimed
from tests.tasks.protocol import PaperHost, finish
from tests.tasks.reservation_rows import granted

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 15
DONE = Outcome(SubAgentState.SUCCEEDED, EndReason.EXIT, exit_code=0, digest="d")
SILENT = lost(EndReason.HOST_LOST, "silent", is_proven=False, keeps=Kept.HOST_LOST)


def first_of(tables: tuple[str, ...], found: list[str]) -> list[str]:
    """These tables in the order in which they were first read."""
    firsts = {table: min(n for n, sql in enumerate(found) if f'FROM "{table}"' in sql) for table in tables}
    return sorted(firsts, key=firsts.__getitem__)


def test_a_claim_locks_its_host_before_its_task() -> None:
    sub_agent = make_sub_agent(state="assigned")
    with queries() as found:
        lifecycle.claim(sub_agent, "n")
    order = ("agents_agent", "tasks_task")
    assert tuple(first_of(order, found)) == order


def test_a_result_with_survivors_locks_its_host_before_its_task() -> None:
    host = PaperHost()
    grant = claimed(host)
    with queries() as found:
        host.report(grant, finish=finish(reason="unkillable", exit_code=None, survivors=[4711]))
    order = ("agents_agent", "tasks_task")
    assert tuple(first_of(order, found)) == order
    assert Agent.objects.get().standing == "paused"


def test_a_claim_and_the_end_of_its_reservation() -> None:
    host, latest = make_agent(), {}

    def claim() -> None:
        lifecycle.claim(SubAgent.objects.get(pk=latest["attempt"]), "n")

    def release() -> None:
        reservations.release(latest["reservation"], actor=SYSTEM)

    with pair(claim, release) as both:
        for _ in range(ROUNDS):
            reservation = granted(host)
            task = make_task(reservation=reservation, submitted_by=make_user())
            latest = {"attempt": make_sub_agent(task, host, state="assigned").pk, "reservation": reservation.pk}
            assert both.once() == ("done", "done")
            task.refresh_from_db()
            assert task.reservation is None


def test_a_report_and_its_host_given_up() -> None:
    """One of them ends it; the other changes nothing."""
    host = make_agent()
    latest: list[SubAgent] = []

    def give_up() -> None:
        giving_up.give_up(latest[-1], SILENT)

    def finish() -> None:
        lifecycle.finish(SubAgent.objects.get(pk=latest[-1].pk), DONE, actor=SYSTEM)

    with pair(give_up, finish) as both:
        for _ in range(ROUNDS):
            latest.append(make_sub_agent(agent=host))
            _, finished = both.once()
            state = SubAgent.objects.values_list("state", flat=True).get(pk=latest[-1].pk)
            assert (finished, state) in {("done", "succeeded"), ("refused", "lost")}
            Allocation.objects.filter(sub_agent=latest[-1]).update(released_at=timezone.now(), kept="")


def test_what_is_kept_is_released_while_its_reservation_ends() -> None:
    host, latest = make_agent(), {}

    def confirm() -> None:
        kept.confirm(SubAgent.objects.get(pk=latest["attempt"]), "nothing is left")

    def release() -> None:
        reservations.release(latest["reservation"], actor=SYSTEM)

    with pair(confirm, release) as both:
        for _ in range(ROUNDS):
            reservation = granted(host)
            sub_agent = make_sub_agent(agent=host)
            Allocation.objects.filter(sub_agent=sub_agent).update(inside=reservation)
            lifecycle.finish(sub_agent, SILENT, actor=SYSTEM)
            latest = {"attempt": sub_agent.pk, "reservation": reservation.pk}
            assert both.once() == ("done", "done")
            assert not Allocation.objects.filter(released_at=None).exists()


def test_two_edits_that_would_close_a_circle_together() -> None:
    """a -> b and c -> d, where b -> c and d -> a stand already: they name no common task."""
    ids: list[int] = []

    def edit(task: int, after: int) -> None:
        submission.edit(ids[task], {"depends_on": [ids[after]]}, actor=SYSTEM)

    with pair(lambda: edit(0, 1), lambda: edit(2, 3)) as both:
        for _ in range(ROUNDS):
            a, c = make_task(), make_task()
            b, d = make_task("blocked", depends_on=[c]), make_task("blocked", depends_on=[a])
            ids[:] = [a.pk, b.pk, c.pk, d.pk]
            assert sorted(both.once()) == ["done", "refused"]
            assert Dependency.objects.filter(task__in=ids).count() == 3
            assert Task.objects.filter(pk__in=ids, status="waiting").count() == 1


def test_the_flushes_of_two_processes() -> None:
    """Both have heard of the same hosts and sub agents, in another order."""
    host = make_agent()
    sub_agents = [make_sub_agent(agent=host) for _ in range(20)]
    hosts = [make_agent(f"another-{number}") for number in range(20)]

    def flush(order: int) -> None:
        usage._write({one.pk: (None, timezone.now()) for one in sub_agents[::order]})

    def write(order: int) -> None:
        readings._write({one.pk: (Resources(), timezone.now()) for one in hosts[::order]})

    for verb in (flush, write):
        with pair(lambda: verb(1), lambda: verb(-1)) as both:  # noqa: B023
            for _ in range(ROUNDS):
                assert both.once() == ("done", "done")


def test_two_hosts_of_one_name_register_at_once() -> None:
    tokens: list[EnrolmentToken] = []

    def register(number: int) -> None:
        assert enrolment.register(tokens[number], name="box", hostname="box", machine_id=str(number), agent_version="1")

    with pair(lambda: register(0), lambda: register(1)) as both:
        for _ in range(ROUNDS):
            tokens[:] = [enrolment.create_token("lab")[0], enrolment.create_token("lab")[0]]
            assert both.once() == ("done", "done")
    assert Agent.objects.filter(name__startswith="box").count() == 2 * ROUNDS
