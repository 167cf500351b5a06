"""Failover tasks: leases that are written before they are granted, and another host once the lease is surely over."""

from typing import Any

import pytest
from django.conf import settings

from agents import breaker, liveness
from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tasks.host_ends import giving_up, leases
from tasks.models import SubAgent, Task
from tasks.outcome import Outcome, lost
from tasks.states import EndReason, SubAgentState
from tests.factories import make_agent, make_sub_agent, make_task
from tests.tasks.protocol import PaperHost, finish

pytestmark = pytest.mark.django_db
OVER = (30 + 20) * 1.01 + 9.5 + 3


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(leases, "clock", found)
    monkeypatch.setattr(leases, "_seen", {})
    monkeypatch.setattr(leases, "_written", {})
    return found


def leased(**fields: Any) -> SubAgent:
    """Running under a lease, on a host that is not heard."""
    task = make_task(on_host_loss="failover", **fields)
    agent = make_agent("gpu-1", connectivity="unreachable")
    found = make_sub_agent(task, agent, granted_seconds=30.0, renewals=1)
    SubAgent.objects.filter(pk=found.pk).update(unreachable_since=found.created_time)
    return found


def looked(sub_agent: SubAgent) -> tuple[str, str]:
    giving_up.fail_over()
    sub_agent.refresh_from_db()
    return sub_agent.state, Task.objects.get(pk=sub_agent.task_id).status


def claimed(host: PaperHost, *, fences: bool = True, **fields: Any) -> dict[str, Any]:
    make_task(**fields)
    task = Task.objects.latest("pk")
    lifecycle_place(task, host)
    assignment = host.beat()["assignments"][-1]
    body = {"epoch": host.epoch, "fence": assignment["fence"], "nonce": "nonce-nonce-nonce", "fences": fences}
    return host.post(f"sub-agents/{assignment['sub_agent_id']}/claim", body)


def lifecycle_place(task: Task, host: PaperHost) -> None:
    from tests.factories import make_allocation

    (member,) = lifecycle.place(task.pk, [Agent.objects.get(pk=host.agent_id)])
    make_allocation(member)


def test_the_lease_begins_with_the_claim_and_is_renewed_by_reports(clock: Clock) -> None:
    host = PaperHost()
    grant = claimed(host, on_host_loss="failover")
    assert grant["renewal"] == {"stop_after_seconds": 30.0, "kill_within_seconds": 20.0}
    clock.now += leases.write_every()
    assert host.report(grant, started={"pid": 1})["renewal"] == grant["renewal"]
    sub_agent = SubAgent.objects.get()
    assert (sub_agent.renewals, sub_agent.granted_seconds) == (2, 30.0)


def test_a_renewal_is_not_written_for_each_report(clock: Clock) -> None:
    host = PaperHost()
    grant = claimed(host, on_host_loss="failover")
    for _ in range(10):
        clock.now += 1
        assert host.report(grant)["renewal"] is not None
    assert SubAgent.objects.get().renewals == 4


def test_naming_host_lost_among_the_retries_means_the_same_lease() -> None:
    host = PaperHost()
    assert claimed(host, retries=1, retry_on=["host_lost"])["renewal"] is not None


@pytest.mark.parametrize(("fields", "fences"), [({}, True), ({"on_host_loss": "failover"}, False)])
def test_no_lease_without_the_wish_or_with_an_agent_that_cannot(fields: dict[str, Any], fences: bool) -> None:
    """An agent of before would not stop the script: nothing may be run beside it then."""
    host = PaperHost()
    grant = claimed(host, fences=fences, **fields)
    assert grant["renewal"] is None
    assert host.report(grant)["renewal"] is None
    assert leases.observe() == []
    assert SubAgent.objects.get().granted_seconds is None


def test_nothing_is_granted_to_what_has_ended(clock: Clock) -> None:
    host = PaperHost()
    grant = claimed(host, on_host_loss="failover")
    lifecycle.finish(SubAgent.objects.get(), lost(EndReason.HOST_LOST, "gone", is_proven=True), actor=SYSTEM)
    reply = host.report(grant)
    assert (reply["renewal"], reply["stop"]["reason"]) == (None, "lost")


def test_another_host_takes_over_when_the_lease_is_surely_over(clock: Clock) -> None:
    sub_agent = leased()
    assert looked(sub_agent) == ("running", "running")
    clock.now += OVER - 0.1
    assert looked(sub_agent) == ("running", "running")
    clock.now += 0.2
    assert looked(sub_agent) == ("lost", "waiting")
    task = Task.objects.get()
    assert (task.failovers, task.retries_used, task.current_fence) == (1, 0, None)
    assert task.events.latest("pk").verb == "failed_over"


def test_a_task_that_is_kept_is_not_taken_over(clock: Clock) -> None:
    sub_agent = leased()
    SubAgent.objects.update(granted_seconds=None)
    looked(sub_agent)
    clock.now += 10 * OVER
    assert looked(sub_agent) == ("running", "running")


def test_a_renewal_that_the_reaper_has_not_seen_yet_starts_the_time_anew(clock: Clock) -> None:
    sub_agent = leased()
    looked(sub_agent)
    clock.now += OVER + 1
    SubAgent.objects.update(renewals=2)
    assert looked(sub_agent)[0] == "running"
    clock.now += OVER - 1
    assert looked(sub_agent)[0] == "running"
    clock.now += 2
    assert looked(sub_agent)[0] == "lost"


def test_a_renewal_at_the_last_moment_wins(clock: Clock) -> None:
    sub_agent = leased()
    seen = SubAgent.objects.select_related("agent").get(pk=sub_agent.pk)
    SubAgent.objects.update(renewals=2)
    giving_up.give_up(seen, lost(EndReason.HOST_LOST, "silent", is_proven=True))
    sub_agent.refresh_from_db()
    assert sub_agent.state == "running"


def test_after_a_restart_the_whole_time_counts_again(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    sub_agent = leased()
    looked(sub_agent)
    clock.now += OVER - 1
    monkeypatch.setattr(leases, "_seen", {})
    assert looked(sub_agent)[0] == "running"
    clock.now += OVER - 1
    assert looked(sub_agent)[0] == "running"


def test_the_longest_lease_that_may_be_out_counts(clock: Clock, settings: Any) -> None:
    """Shortened while a host still goes by the old one."""
    sub_agent = leased()
    settings.FAILOVER_STOP_SECONDS = 10
    assert leases.over_after(sub_agent) >= (30 + 20) * 1.01
    leases._write(sub_agent, 10.0)
    sub_agent.refresh_from_db()
    assert sub_agent.granted_seconds == 30.0
    leases._write(sub_agent, 90.0)
    sub_agent.refresh_from_db()
    assert leases.over_after(sub_agent) >= (90 + 20) * 1.01


def test_a_lease_is_never_so_short_that_lost_reports_end_it(settings: Any) -> None:
    settings.FAILOVER_STOP_SECONDS = 1
    assert leases.stop_after_seconds() == 5.0


def test_a_sub_agent_that_only_its_host_lost_sight_of_is_left_alone(clock: Clock) -> None:
    sub_agent = leased()
    SubAgent.objects.update(unreachable_since=None)
    looked(sub_agent)
    clock.now += 10 * OVER
    assert looked(sub_agent)[0] == "running"


@pytest.mark.parametrize(
    ("reason", "state"),
    [("fenced", "waiting"), ("host_rebooted", "waiting"), ("sub_lost", "failed"), ("exit", "failed")],
)
@pytest.mark.matrix(59)
def test_only_the_loss_of_a_host_is_taken_over(reason: str, state: str) -> None:
    sub_agent = leased()
    outcome = Outcome(SubAgentState.FAILED, EndReason(reason), exit_code=1)
    lifecycle.finish(sub_agent, outcome, actor=SYSTEM)
    assert Task.objects.get().status == state


def test_a_canceled_task_is_not_taken_over(clock: Clock) -> None:
    sub_agent = leased()
    lifecycle.cancel(sub_agent.task_id, actor=SYSTEM)
    looked(sub_agent)
    clock.now += OVER + 1
    looked(sub_agent)
    assert Task.objects.get().status != "waiting"


def test_it_is_not_taken_over_without_end() -> None:
    sub_agent = leased(failovers=10)
    lifecycle.finish(sub_agent, Outcome(SubAgentState.FAILED, EndReason.FENCED), actor=SYSTEM)
    assert Task.objects.get().status == "failed"


def test_a_host_says_that_it_fenced_itself() -> None:
    host = PaperHost()
    grant = claimed(host, on_host_loss="failover")
    host.report(grant, started={"pid": 1}, finish=finish(reason="fenced", exit_code=None))
    assert (Task.objects.get().status, SubAgent.objects.get().end_reason) == ("waiting", "fenced")


def test_a_gang_is_taken_over_as_a_whole(clock: Clock) -> None:
    """One host is lost; the other member is stopped, and only after its end both are placed again."""
    task = make_task(on_host_loss="failover", node_count=2)
    lost_one = make_sub_agent(task, make_agent("gpu-1", connectivity="unreachable"), granted_seconds=30.0)
    SubAgent.objects.update(unreachable_since=lost_one.created_time)
    other = make_sub_agent(
        task, make_agent("gpu-2"), rank=1, attempt_no=lost_one.attempt_no, granted_seconds=30.0, renewals=5
    )
    Task.objects.update(current_fence=lost_one.fence, attempt_no=lost_one.attempt_no)
    looked(lost_one)
    clock.now += OVER + 1
    assert looked(lost_one) == ("lost", "running")
    other.refresh_from_db()
    assert (other.state, other.stop_reason) == ("running", "gang")
    lifecycle.finish(other, Outcome(SubAgentState.CANCELED, EndReason.CANCEL), actor=SYSTEM)
    assert Task.objects.get().status == "waiting"


def test_the_defaults_add_up_to_a_minute() -> None:
    bound = (settings.FAILOVER_STOP_SECONDS + settings.FAILOVER_KILL_SECONDS) * leases.DRIFT
    assert bound + settings.FAILOVER_MARGIN_SECONDS == pytest.approx(60)
    assert (liveness.in_amnesty(), breaker.alarm()) == (False, "")


def test_the_look_at_leases_reads_no_more_than_it_needs(django_assert_num_queries: Any) -> None:
    """Each lease of the site, in every second."""
    leased()
    with django_assert_num_queries(1) as queries:
        leases.observe()
    assert "environment" not in queries.captured_queries[0]["sql"]
    assert "host_facts" not in queries.captured_queries[0]["sql"]
