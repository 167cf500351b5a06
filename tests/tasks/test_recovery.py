"""The reaper's deadlines: who gets taken back, asked about, stopped or given up, and who is left alone."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from agents import breaker, inventory_requests, liveness, supervision
from agents.models import Agent
from agents.sessions import come_online
from tasks import recovery, run_time, steady
from tasks.host_ends import giving_up, leases
from tasks.models import OutputLog, SubAgent, Task
from tasks.outcome import lost
from tasks.reporting import usage
from tasks.states import EndReason
from tests.factories import make_agent, make_output_log, make_sub_agent, make_task

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator["Clock"]:
    """The monotonic clock of liveness, in the test's hand; no amnesty, nobody heard."""
    found = Clock()
    monkeypatch.setattr(liveness.time, "monotonic", found)
    monkeypatch.setattr(leases, "clock", found)
    monkeypatch.setattr(steady, "_last", None)
    monkeypatch.setattr(steady, "_jumps", [])
    monkeypatch.setattr(run_time, "_seconds", {})
    monkeypatch.setattr(run_time, "_looked_at", None)
    monkeypatch.setattr(recovery, "_drains_looked_at", None)
    monkeypatch.setattr(inventory_requests, "_asked_at", {})
    monkeypatch.setattr(liveness, "_amnesty_until", 0.0)
    monkeypatch.setattr(breaker, "_lapses", {})
    monkeypatch.setattr(breaker, "_open_since", None)
    monkeypatch.setattr(breaker, "_heard_at", None)
    liveness._heard.clear()
    liveness._stamps.clear()
    monkeypatch.setattr(recovery, "_last_turn", None)
    yield found
    usage._fresh.clear()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.asked = 0

    def __call__(self) -> float:
        return self.now

    def runs(self, seconds: float) -> None:
        """Time passes in which the reaper made its turns."""
        self.now += seconds
        recovery._last_turn = self.now


def aged(sub_agent: SubAgent, **columns: float) -> None:
    """Sets time columns to so many seconds ago."""
    moments = {name: timezone.now() - timedelta(seconds=seconds) for name, seconds in columns.items()}
    SubAgent.objects.filter(pk=sub_agent.pk).update(**moments)


def turned(sub_agent: SubAgent) -> tuple[str, str]:
    recovery.reaper_turn()
    sub_agent.refresh_from_db()
    return sub_agent.state, Task.objects.get(pk=sub_agent.task_id).status


def heard(sub_agent: SubAgent) -> SubAgent:
    liveness.heard(sub_agent.agent_id)
    return sub_agent


def test_an_assignment_that_nobody_accepts_goes_back_after_15_seconds() -> None:
    sub_agent = heard(make_sub_agent(state="assigned"))
    assert turned(sub_agent) == ("assigned", "waiting")
    aged(sub_agent, created_time=16)
    assert turned(sub_agent) == ("revoked", "waiting")
    assert Task.objects.get(pk=sub_agent.task_id).current_fence is None


def test_after_a_restart_assignments_get_the_amnesty(clock: Clock) -> None:
    sub_agent = make_sub_agent(state="assigned")
    aged(sub_agent, created_time=3600)
    supervision.after_restart()
    assert turned(sub_agent)[0] == "assigned"
    clock.runs(settings.AMNESTY_SECONDS + 1)
    assert turned(sub_agent)[0] == "revoked"


def test_an_assignment_on_a_host_that_was_paused_goes_back_at_once() -> None:
    sub_agent = heard(make_sub_agent(state="assigned"))
    Agent.objects.update(standing="paused")
    assert turned(sub_agent) == ("revoked", "waiting")


def test_a_claim_without_a_start_makes_the_host_say_what_it_has() -> None:
    sub_agent = heard(make_sub_agent(state="starting"))
    aged(sub_agent, claimed_at=31)
    assert turned(sub_agent)[0] == "starting"
    assert inventory_requests.take(Agent.objects.get())
    assert not inventory_requests.take(Agent.objects.get())


def test_silence_makes_a_host_suspect_then_unreachable_and_fails_nothing(clock: Clock) -> None:
    sub_agent = heard(make_sub_agent())
    aged(sub_agent, last_heartbeat_time=31)
    for _ in range(7):
        clock.now += 1
        recovery.reaper_turn()
    assert Agent.objects.get().connectivity == "suspect"
    for _ in range(25):
        clock.now += 1
        recovery.reaper_turn()
    assert turned(sub_agent) == ("running", "running")
    assert Agent.objects.get().connectivity == "unreachable"
    assert Agent.objects.get().status == "offline"
    assert sub_agent.unreachable_since is not None


def test_a_report_takes_the_flag_away(clock: Clock) -> None:
    sub_agent = heard(make_sub_agent())
    aged(sub_agent, unreachable_since=60)
    usage.keep(sub_agent.pk, usage.Usage(cpu_percent=50.0, memory_mib=10))
    usage.flush()
    sub_agent.refresh_from_db()
    assert (sub_agent.unreachable_since, sub_agent.cpu_usage) == (None, 50.0)


def test_in_the_amnesty_nobody_is_unreachable(clock: Clock) -> None:
    agent = make_agent()
    supervision.after_restart()
    for _ in range(45):
        clock.now += 1
        recovery.reaper_turn()
    agent.refresh_from_db()
    assert agent.connectivity == "suspect"
    for _ in range(20):
        clock.now += 1
        recovery.reaper_turn()
    agent.refresh_from_db()
    assert agent.connectivity == "unreachable"


@pytest.mark.matrix(19)
def test_time_in_which_the_server_stood_still_is_no_silence(clock: Clock) -> None:
    sub_agent = heard(make_sub_agent())
    recovery.reaper_turn()
    clock.now += 3600
    recovery.reaper_turn()
    assert Agent.objects.get().connectivity == "online"
    assert sub_agent.is_live


@pytest.mark.parametrize("state", ["starting", "running"])
def test_an_attempt_on_a_host_that_is_away_already_gets_its_deadline(state: str) -> None:
    """Claimed at the last moment, or the server died between calling the host unreachable and flagging its work."""
    sub_agent = make_sub_agent(agent=make_agent(connectivity="unreachable"), state=state)
    aged(sub_agent, claimed_at=31)
    turned(sub_agent)
    assert sub_agent.unreachable_since is not None
    aged(sub_agent, unreachable_since=24 * 3600 + 60)
    assert turned(sub_agent) == ("lost", "failed")


def test_an_attempt_that_reports_while_its_main_agent_is_away_is_not_flagged() -> None:
    sub_agent = make_sub_agent(agent=make_agent(connectivity="unreachable"))
    aged(sub_agent, claimed_at=3600, last_heartbeat_time=5)
    turned(sub_agent)
    assert sub_agent.unreachable_since is None


def test_a_server_that_was_away_for_days_listens_before_it_gives_up(clock: Clock) -> None:
    other = make_sub_agent(agent=make_agent("other", connectivity="suspect"))
    sub_agent = make_sub_agent(agent=make_agent("silent"))
    aged(sub_agent, unreachable_since=72 * 3600)
    supervision.after_restart()
    assert turned(sub_agent) == ("running", "running")
    clock.runs(settings.AMNESTY_SECONDS + 1)
    heard(other)
    assert turned(sub_agent) == ("lost", "failed")


def test_a_machine_that_was_suspended_for_days_listens_before_it_gives_up(clock: Clock) -> None:
    sub_agent = heard(make_sub_agent())
    turned(sub_agent)
    aged(sub_agent, unreachable_since=72 * 3600)
    clock.now += 72 * 3600
    assert turned(sub_agent) == ("running", "running")


def test_standing_still_is_no_excuse_for_those_who_go_silent_afterwards(clock: Clock) -> None:
    sub_agent = heard(make_sub_agent())
    recovery.reaper_turn()
    clock.now += 3600
    heard(sub_agent)
    for _ in range(100):
        clock.now += 1
        recovery.reaper_turn()
    assert Agent.objects.get().connectivity == "unreachable"


def test_a_host_that_has_answered_is_not_asked_again_at_once(clock: Clock) -> None:
    sub_agent = heard(make_sub_agent(state="starting"))
    aged(sub_agent, claimed_at=31)
    for _ in range(20):
        clock.now += 1
        heard(sub_agent)
        recovery.reaper_turn()
        clock.asked += inventory_requests.take(Agent.objects.get())
    assert clock.asked == 1
    clock.runs(30)
    heard(sub_agent)
    recovery.reaper_turn()
    assert inventory_requests.take(Agent.objects.get())


def test_output_that_does_not_come_within_a_day_is_not_waited_for() -> None:
    old, young = (make_sub_agent(state="succeeded") for _ in range(2))
    for sub_agent in (old, young):
        make_output_log(sub_agent, state="draining")
    make_output_log(old, stream="err", state="complete")
    aged(old, ended_at=24 * 3600 + 60)
    recovery.reaper_turn()
    states = OutputLog.objects.order_by("sub_agent__fence", "stream").values_list("state", flat=True)
    assert list(states) == ["complete", "incomplete", "draining"]


def test_looking_for_overdue_attempts_reads_no_scripts(django_assert_num_queries: Any) -> None:
    sub_agent = heard(make_sub_agent(make_task(time_limit_seconds=100)))
    recovery._stop_overdue()
    run_time._seconds[sub_agent.pk] = 1000.0
    with django_assert_num_queries(2) as captured:
        recovery._stop_overdue()
    assert not any("script_content" in query["sql"] for query in captured.captured_queries)


def test_after_a_day_the_attempt_is_lost_and_not_tried_again() -> None:
    task = make_task(retries=5)
    sub_agent = heard(make_sub_agent(task))
    aged(sub_agent, unreachable_since=24 * 3600 - 60)
    assert turned(sub_agent)[0] == "running"
    aged(sub_agent, unreachable_since=24 * 3600 + 60)
    assert turned(sub_agent) == ("lost", "failed")
    assert Task.objects.get(pk=task.pk).end_reason == "host_lost"


@pytest.mark.matrix(68)
def test_when_most_hosts_vanish_at_once_nothing_is_given_up(clock: Clock) -> None:
    """Three of five hosts, long past their deadline, are not lost as long as the breaker is open."""
    agents = [make_agent(f"host-{number}") for number in range(5)]
    tasks = [make_sub_agent(agent=agent) for agent in agents]
    for agent in agents:
        liveness.heard(agent.pk)
    for sub_agent in tasks[:3]:
        aged(sub_agent, last_heartbeat_time=90000, claimed_at=90000)
    for _ in range(12):
        clock.runs(5)
        for agent in agents[3:]:
            liveness.heard(agent.pk)
        recovery.reaper_turn()
        aged_all(unreachable_since=2 * 86400)
    assert [sub_agent.state for sub_agent in SubAgent.objects.order_by("fence")] == ["running"] * 5
    assert breaker.alarm().startswith("3 of 5 hosts fell silent at once.")
    clock.runs(settings.BREAKER_LONGEST_SECONDS)
    for agent in agents[3:]:
        liveness.heard(agent.pk)
    recovery.reaper_turn()
    assert [sub_agent.state for sub_agent in SubAgent.objects.order_by("fence")] == ["lost"] * 3 + ["running"] * 2


def aged_all(**columns: float) -> None:
    """Of those that are unreachable."""
    for sub_agent in SubAgent.objects.exclude(unreachable_since=None):
        aged(sub_agent, **columns)


@pytest.mark.matrix(69)
@pytest.mark.parametrize(("silent", "worst"), [(5, "online"), (8, "suspect"), (29, "suspect")])
def test_a_link_that_flaps_loses_nothing(clock: Clock, silent: int, worst: str) -> None:
    """5 s on, and off again, for ten minutes; a suspect host gets no work."""
    sub_agent = heard(make_sub_agent())
    seen = set()
    for second in range(600):
        clock.now += 1
        if second % (5 + silent) < 5:
            heard(sub_agent)
            come_online(Agent.objects.get())
        supervision.sweep()
        seen.add(Agent.objects.get().connectivity)
    clock.runs(0)
    assert turned(sub_agent) == ("running", "running")
    assert seen == {"online", worst}
    assert Agent.objects.get().events.count() == 0


def test_what_is_heard_at_the_last_moment_is_not_given_up() -> None:
    sub_agent = heard(make_sub_agent())
    aged(sub_agent, unreachable_since=24 * 3600 + 60)
    usage.keep(sub_agent.pk, None)  # reported, and not written yet
    assert turned(sub_agent) == ("running", "running")
    usage.flush()
    assert turned(sub_agent) == ("running", "running")
    assert sub_agent.unreachable_since is None


def test_what_was_heard_since_it_was_looked_at_is_not_given_up() -> None:
    sub_agent = heard(make_sub_agent())
    aged(sub_agent, unreachable_since=24 * 3600 + 60)
    seen = SubAgent.objects.get(pk=sub_agent.pk)
    SubAgent.objects.update(unreachable_since=None, last_heartbeat_time=timezone.now())
    giving_up.give_up(seen, lost(EndReason.HOST_LOST, "silent", is_proven=False))
    sub_agent.refresh_from_db()
    assert sub_agent.state == "running"


@pytest.mark.parametrize(("seconds", "reason"), [(100 + 10 + 50, ""), (100 + 10 + 70, "timeout")])
def test_an_overdue_attempt_is_asked_to_stop(clock: Clock, seconds: int, reason: str) -> None:
    sub_agent = make_sub_agent(make_task(time_limit_seconds=100))
    run_for(clock, seconds)
    sub_agent.refresh_from_db()
    assert sub_agent.stop_reason == reason


def run_for(clock: Clock, seconds: int) -> None:
    """Looks at time limits only, twice in 5 s."""
    for _ in range(seconds * 2 // 5 + 1):
        recovery._stop_overdue()
        clock.now += 2.5


@pytest.mark.matrix(22)
def test_a_host_that_is_suspended_does_not_use_up_its_tasks_limit(clock: Clock) -> None:
    """An hour: its host is not heard; the server's own count waits for it, as does the one of the sub agent."""
    sub_agent = make_sub_agent(make_task(time_limit_seconds=100))
    run_for(clock, 90)
    aged(sub_agent, unreachable_since=0)
    run_for(clock, 3600)
    SubAgent.objects.update(unreachable_since=None)
    run_for(clock, 60)
    sub_agent.refresh_from_db()
    assert (sub_agent.state, sub_agent.stop_reason) == ("running", "")
    run_for(clock, 60)
    sub_agent.refresh_from_db()
    assert sub_agent.stop_reason == "timeout"


@pytest.mark.matrix(20)
@pytest.mark.parametrize("jump", [timedelta(days=730), timedelta(hours=-1)])
def test_a_jump_of_the_servers_clock_lets_nothing_lapse(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    """Nobody is given up, taken back or stopped for it, and what is really overdue afterwards is."""
    away = make_sub_agent(agent=make_agent("away", connectivity="unreachable"))
    aged(away, unreachable_since=60)
    placed = heard(make_sub_agent(agent=make_agent("slow"), state="assigned"))
    limited = heard(make_sub_agent(make_task(time_limit_seconds=100), make_agent("busy")))
    recovery.reaper_turn()
    real = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: real() + jump)
    clock.now += 1
    recovery.reaper_turn()
    states = [SubAgent.objects.get(pk=one.pk).state for one in (away, placed, limited)]
    assert states == ["running", "assigned", "running"]
    assert SubAgent.objects.get(pk=limited.pk).stop_reason == ""
    aged(placed, created_time=20)
    clock.now += 1
    recovery.reaper_turn()
    assert SubAgent.objects.get(pk=placed.pk).state == "revoked"


def test_a_jump_that_is_taken_back_leaves_the_true_age(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    stamp, real = timezone.now() - timedelta(seconds=50), timezone.now
    steady.note()
    for jump in (timedelta(days=730), timedelta(0)):
        monkeypatch.setattr(timezone, "now", lambda jump=jump: real() + jump)
        steady.note()
        assert 50 <= steady.age(stamp) < 60


def test_one_rows_trouble_does_not_keep_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (heard(make_sub_agent(state="assigned")) for _ in range(2))
    for sub_agent in (first, second):
        aged(sub_agent, created_time=20)
    original = recovery.lifecycle.give_back

    def ended_meanwhile(sub_agent: SubAgent, *arguments: Any, **more: Any) -> None:
        if sub_agent.pk == first.pk:
            SubAgent.objects.filter(pk=first.pk).update(state="starting")
        original(sub_agent, *arguments, **more)

    monkeypatch.setattr(recovery.lifecycle, "give_back", ended_meanwhile)
    assert turned(second)[0] == "revoked"
    first.refresh_from_db()
    assert first.state == "starting"
