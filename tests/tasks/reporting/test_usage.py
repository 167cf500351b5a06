"""Usage figures: kept in memory, written once a second together, and a sign of life even without figures."""

from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from agents import readings
from agents.models import Agent
from agents.readings import Resources
from tasks import messages
from tasks.reporting import flush, usage
from tasks.reporting.usage import Usage
from tests.factories import make_agent, make_sub_agent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_left_over() -> None:
    usage._fresh.clear()
    usage._forget_written()
    readings._fresh.clear()


def test_the_latest_figures_are_written() -> None:
    sub_agent = make_sub_agent()
    usage.keep(sub_agent.pk, Usage(cpu_percent=10.0, memory_mib=1))
    usage.keep(sub_agent.pk, Usage(90.0, 1.0, 2, 3, [{"uuid": "GPU-1", "memory_mib": 5}]))
    assert usage.flush() == 1
    sub_agent.refresh_from_db()
    assert (sub_agent.cpu_usage, sub_agent.memory_used_mib, sub_agent.process_count) == (90.0, 2, 3)
    assert sub_agent.gpu_info == [{"uuid": "GPU-1", "memory_mib": 5}]
    assert usage.flush() == 0


def test_a_report_without_figures_is_a_sign_of_life_and_takes_none_away() -> None:
    sub_agent = make_sub_agent(cpu_usage=50.0)
    usage.keep(sub_agent.pk, Usage(cpu_percent=70.0))
    usage.keep(sub_agent.pk, None)
    usage.flush()
    sub_agent.refresh_from_db()
    assert sub_agent.cpu_usage == 70.0
    usage.keep(sub_agent.pk, None)
    before = timezone.now()
    usage.flush()
    sub_agent.refresh_from_db()
    assert sub_agent.cpu_usage == 70.0
    assert sub_agent.last_heartbeat_time is not None
    assert sub_agent.last_heartbeat_time <= before


def test_pages_hear_that_a_host_is_reachable_again(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    sub_agent = make_sub_agent(unreachable_since=timezone.now())
    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr(messages, "is_followed", lambda group: True)
    monkeypatch.setattr(messages, "publish", lambda group, message: sent.append((group, message)))
    usage.keep(sub_agent.pk, None)
    with django_capture_on_commit_callbacks(execute=True):
        usage.flush()
    assert [(group, message["badges"]) for group, message in sent] == [
        ("tasks", []),
        (f"task-{sub_agent.task_id}", []),
    ]
    sent.clear()
    usage.keep(sub_agent.pk, None)
    with django_capture_on_commit_callbacks(execute=True):
        usage.flush()
    assert sent == []


def test_one_turn_writes_hosts_and_sub_agents() -> None:
    agent = make_agent()
    sub_agent = make_sub_agent(agent=agent)
    readings.keep(agent.pk, Resources(cpu_usage=12.5))
    usage.keep(sub_agent.pk, Usage(cpu_percent=10.0))
    assert flush.flush_turn() == flush.INTERVAL_SECONDS
    assert Agent.objects.get().cpu_usage == 12.5
    sub_agent.refresh_from_db()
    assert sub_agent.cpu_usage == 10.0


@pytest.mark.matrix(37)
def test_what_is_being_written_was_heard_until_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who gives up a silent sub agent asks; a flush that waits for the database, or fails, must not hide its report."""
    sub_agent = make_sub_agent()
    usage.keep(sub_agent.pk, Usage(cpu_percent=70.0))
    seen: list[bool] = []

    def locked(*_: Any) -> None:
        seen.append(usage.was_heard(sub_agent.pk))
        raise OperationalError("database is locked")

    with monkeypatch.context() as busy:
        busy.setattr(usage, "_write", locked)
        with pytest.raises(OperationalError):
            usage.flush()
    assert [*seen, usage.was_heard(sub_agent.pk)] == [True, True]
    assert usage.flush() == 1
    assert not usage.was_heard(sub_agent.pk)
    sub_agent.refresh_from_db()
    assert sub_agent.cpu_usage == 70.0


def test_what_no_database_takes_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise ValueError("no such value")

    usage.keep(make_sub_agent().pk, None)
    with monkeypatch.context() as broken:
        broken.setattr(usage, "_write", refused)
        with pytest.raises(ValueError, match="no such value"):
            usage.flush()
    assert usage.flush() == 0
