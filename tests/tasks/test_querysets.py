"""Reads for lists and details: what they carry, and that the number of queries does not grow."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks import querysets
from tests.factories import make_agent, make_output_log, make_sub_agent, make_task

pytestmark = pytest.mark.django_db


def touched(task: Any) -> tuple[Any, ...]:
    """Everything a row of a list shows."""
    latest = task.latest_sub_agent
    place = (latest.agent.name, [held.gpu.index for held in latest.allocation.gpus.all()], list(latest.logs.all()))
    return place, [(one.depends_on.name, one.depends_on.status) for one in task.dependencies.all()], task.submitted_by


def queries_for(count: int) -> int:
    agent = make_agent(gpus=count)
    for gpu in agent.gpus.all():
        task = make_task(depends_on=[make_task("completed")])
        make_output_log(make_sub_agent(task, agent, gpus=[gpu]))
    with CaptureQueriesContext(
        connection,
    ) as captured:
        rows = [touched(task) for task in querysets.for_lists().filter(status="running")]
    assert len(rows) >= count
    return len(captured)


def test_the_number_of_queries_does_not_grow() -> None:
    assert queries_for(2) == queries_for(20) <= 8


def test_the_latest_of_several_attempts() -> None:
    task = make_task()
    make_sub_agent(task, state="failed")
    latest = make_sub_agent(task, state="running")
    other = make_task("running")
    found = {row.pk: row.latest_sub_agent for row in querysets.for_lists()}
    assert found == {task.pk: latest, other.pk: other.latest_sub_agent}
    assert list(querysets.sub_agents_of(task)) == [latest, *task.sub_agents.filter(attempt_no=1)]


def test_a_task_without_attempts_has_none() -> None:
    task = make_task()
    assert task.latest_sub_agent is None
    assert querysets.for_details().get(pk=task.pk).latest_sub_agent is None


def test_lists_leave_the_script_out() -> None:
    task = make_task()
    assert "script_content" in querysets.for_lists().get(pk=task.pk).get_deferred_fields()
    assert "script_content" not in querysets.for_details().get(pk=task.pk).get_deferred_fields()
