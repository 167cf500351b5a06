"""An operator's word that a host is gone ends what was live there."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Agent
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict
from tasks.host_ends.host_gone import declare_gone
from tasks.models import SubAgent
from tasks.reporting import report_pace, usage
from tests.factories import make_agent, make_sub_agent, make_task

pytestmark = pytest.mark.django_db

ADA = Actor("user", "ada")


def test_what_ran_there_failed_and_what_never_started_waits_again() -> None:
    agent = make_agent("gpu-1", connectivity="unreachable")
    running = make_sub_agent(agent=agent).task
    again = make_sub_agent(make_task(retries=1), agent).task
    placed = make_sub_agent(agent=agent, state="assigned").task
    elsewhere = make_sub_agent(agent=make_agent("cpu-1")).task
    declare_gone(agent, actor=ADA, reason="burnt")
    for task in (running, again, placed, elsewhere):
        task.refresh_from_db()
    assert (running.status, running.end_reason) == ("failed", "host_lost")
    assert "ada said that gpu-1 is gone" in running.end_detail
    assert [again.status, placed.status, elsewhere.status] == ["waiting", "waiting", "running"]
    assert agent.events.get().reason == "burnt"


@pytest.mark.parametrize("connectivity", ["online", "suspect"])
def test_a_host_that_is_heard_is_not_gone(connectivity: str) -> None:
    agent = make_agent(connectivity=connectivity)
    task = make_sub_agent(agent=agent).task
    with pytest.raises(Conflict, match="only a host that is offline"):
        declare_gone(agent, actor=ADA)
    task.refresh_from_db()
    assert task.status == "running"
    assert Agent.objects.get().events.count() == 0


def test_a_host_whose_sub_agents_report_is_not_gone() -> None:
    """Its main agent is dead or being upgraded; a second attempt elsewhere would run beside the first."""
    agent = make_agent("box", connectivity="unreachable")
    sub_agent = make_sub_agent(make_task(retries=1), agent, last_heartbeat_time=timezone.now())
    with pytest.raises(Conflict, match=f"task {sub_agent.task_id} runs there"):
        declare_gone(agent, actor=ADA)
    sub_agent.refresh_from_db()
    assert sub_agent.state == "running"
    SubAgent.objects.update(last_heartbeat_time=timezone.now() - timedelta(seconds=31))
    declare_gone(agent, actor=ADA)
    sub_agent.refresh_from_db()
    assert sub_agent.state == "lost"


def test_what_is_heard_while_the_word_is_acted_upon_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that is not written yet: another attempt beside it would run twice."""
    monkeypatch.setattr(usage, "_fresh", {})
    agent = make_agent("box", connectivity="unreachable")
    sub_agent = make_sub_agent(make_task(retries=1), agent)
    usage.keep(sub_agent.pk, None)
    declare_gone(agent, actor=ADA)
    sub_agent.refresh_from_db()
    assert sub_agent.state == "running"


def test_who_is_asked_to_report_rarely_may_be_silent_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_pace.reports, "seconds", lambda: 2.0)  # instead of 1 s
    agent = make_agent("box", connectivity="unreachable")
    make_sub_agent(agent=agent, last_heartbeat_time=timezone.now() - timedelta(seconds=50))
    with pytest.raises(Conflict, match="runs there"):
        declare_gone(agent, actor=ADA)
