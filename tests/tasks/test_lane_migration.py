"""An upgrade from a release without lanes: every task that waits, or may wait again, gets its lane."""

import importlib

import pytest
from django.apps import apps

from tasks.models import Task
from tasks.scheduling.rows import lanes
from tests.factories import make_agent, make_task

pytestmark = pytest.mark.django_db
migration = importlib.import_module("tasks.migrations.0003_lanes_of_older_tasks")


def test_tasks_of_before_get_their_lanes_those_that_run_too() -> None:
    """One that runs may be lost with its host; without a lane it would stand before all others of its kind."""
    waiting, blocked = make_task(cpu_cores=3), make_task(status="blocked", unmet=1)
    running = make_task(status="running", agent=make_agent(), cpu_cores=5)
    Task.objects.update(lane="")
    migration.fill(apps, None)
    for task in (waiting, blocked, running):
        task.refresh_from_db()
        assert task.lane == lanes.columns_of(task)["lane"] != ""
