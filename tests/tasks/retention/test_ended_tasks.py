"""Ended tasks go whole, with their history, when a site asked for it; what anything still needs stays."""

import threading
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction

from scheduler_site.models import AdministrativeEvent
from tasks.commit_seq import commit_seq
from tasks.models import Allocation, Dependency, IdempotencyKey, OutputLog, SubAgent, Task, TaskEvent
from tasks.retention import ended_tasks
from tasks.retention.policy import Policy
from tasks.states import LogState
from tests.factories import make_task, make_user
from tests.tasks.retention.rows import ended, is_there

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    settings.TASK_LOG_DIR = tmp_path


def gone(days_ago: float = 100, **fields: Any) -> SubAgent:
    """A task without output."""
    return ended(days_ago, state=LogState.PRUNED, **fields)


def sweep(days: int = 90) -> None:
    ended(0.5)  # the newest row of all is somebody else's
    for _ in ended_tasks.batches(Policy(0, 0, days, 0)):
        pass


def test_nothing_of_it_is_left() -> None:
    old, young = gone(), gone(89)
    IdempotencyKey.objects.create(user=make_user(), key="k", request_hash="h", task=old.task)
    Dependency.objects.create(task=young.task, depends_on=old.task, is_satisfied=True)
    sweep()
    assert (is_there(old), is_there(young)) == (False, True)
    assert not TaskEvent.objects.filter(task_id=old.task_id).exists()
    assert not IdempotencyKey.objects.exists()
    assert not Dependency.objects.exists()
    connection.check_constraints()


def test_everything_that_refers_to_a_task_is_thought_of() -> None:
    """A new table with a reference to tasks or attempts would make the removal fail, overnight."""
    handled = {rows.model for rows in ended_tasks._belongings([1])}
    refer = {
        model
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and field.related_model in (Task, SubAgent, Allocation, OutputLog)
    }
    assert refer <= handled


def test_it_is_recorded_by_whom_and_why() -> None:
    first, second = gone(101), gone(100)
    sweep()
    event = AdministrativeEvent.objects.get(verb="pruned")
    assert (event.subject, event.reason, event.actor_name) == ("tasks", "by policy: older than 90 days", "nightshift")
    assert event.detail == {"count": 2, "tasks": [first.task_id, second.task_id]}


def test_what_is_needed_stays() -> None:
    with_output, with_file, waited_for, held = ended(100), gone(), gone(), gone()
    OutputLog.objects.filter(sub_agent=with_file).update(is_file_left=True)
    make_task("waiting", depends_on=[waited_for.task])
    Allocation.objects.filter(sub_agent=held).update(released_at=None, kept="host_lost")
    unsettled, free = gone(is_unsettled=True), gone()
    sweep()
    assert all(map(is_there, (with_output, with_file, waited_for, held, unsettled)))
    assert not is_there(free)


def test_open_tasks_stay_however_old() -> None:
    waiting = make_task("waiting")
    sweep()
    assert Task.objects.filter(pk=waiting.pk).exists()


def test_how_far_the_database_has_come_never_falls() -> None:
    """Agents take a smaller number for an older copy of the database."""
    old, newest = gone(101), gone()
    before = commit_seq()
    for _ in ended_tasks.batches(Policy(0, 0, 90, 0)):
        pass
    assert (is_there(old), is_there(newest), commit_seq()) == (False, True, before)


def test_those_that_stay_keep_none_behind_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ended_tasks, "BATCH", 2)
    stay, go = [ended(120) for _ in range(5)], [gone(110) for _ in range(3)]
    same = [gone(105) for _ in range(2)]
    Task.objects.filter(pk__in=[row.task_id for row in same]).update(end_time=same[0].task.end_time)
    sweep()
    assert all(map(is_there, stay))
    assert not any(map(is_there, go + same))


def test_a_history_is_guarded_again_afterwards() -> None:
    old, young = gone(), gone(1)
    sweep()
    assert not is_there(old)
    with pytest.raises(DatabaseError, match="is only ever added to"), transaction.atomic():
        TaskEvent.objects.filter(task=young.task_id).delete()


def test_a_failure_in_the_middle_removes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    old = gone()

    def fails(*_arguments: Any, **_more: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(ended_tasks, "record", fails)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        sweep()
    assert is_there(old)
    assert TaskEvent.objects.filter(task=old.task_id).exists()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_remove_each_once() -> None:
    rows = [gone() for _ in range(10)]
    ended(0.5)
    ids, counts = [row.task_id for row in rows], []

    def remove() -> None:
        counts.append(ended_tasks.remove(ids, "by policy: older than 90 days"))
        connection.close()

    threads = [threading.Thread(target=remove) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 10
    assert not any(map(is_there, rows))
