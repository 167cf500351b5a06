"""Histories can only be added to and results stay, through the ORM and by raw SQL; on SQLite, and on PostgreSQL when
TEST_DATABASE_URL names one."""

from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import AgentEvent, PlacementEvent
from scheduler_site.models import AdministrativeEvent
from scheduler_site.shared import append_only
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.audit import HistoryRow, history_fields
from tasks.models import ReservationEvent, SubAgent, Task, TaskEvent
from tests.factories import make_agent, make_sub_agent, make_task
from tests.tasks.reservation_rows import make_reservation

pytestmark = pytest.mark.django_db

HISTORIES = [model for model in apps.get_models() if issubclass(model, HistoryRow)]


def made(model: type[Any]) -> Any:
    """A row of this history."""
    if model is ReservationEvent:
        make_agent()
    owners: dict[Any, Any] = {
        TaskEvent: lambda: {"task": make_task()},
        AgentEvent: lambda: {"agent": make_agent()},
        ReservationEvent: lambda: {"reservation": make_reservation()},
        PlacementEvent: lambda: {"subject": "pool fast"},
        AdministrativeEvent: lambda: {"subject": "account ada"},
    }
    return model.objects.create(**owners.get(model, dict)(), **history_fields(SYSTEM, "tried"))


def refused(act: Any, sentence: str) -> None:
    with pytest.raises(DatabaseError, match=sentence), transaction.atomic():
        act()


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("model", HISTORIES)
def test_a_history_is_only_added_to(model: type[Any]) -> None:
    row = made(model)
    table, sentence = model._meta.db_table, "is only ever added to"
    refused(lambda: model.objects.filter(pk=row.pk).update(actor_name="somebody else"), sentence)
    refused(row.delete, sentence)
    refused(row.save, sentence)
    refused(lambda: sql(f"UPDATE {table} SET reason = 'another'"), sentence)
    refused(lambda: sql(f"DELETE FROM {table}"), sentence)
    if connection.vendor == "postgresql":
        connection.check_constraints()  # those that wait for the commit would refuse it, too
        refused(lambda: sql(f"TRUNCATE {table}"), sentence)
    row.refresh_from_db()
    assert row.actor_name == "nightshift"


@pytest.mark.parametrize(
    "change",
    [{"status": "failed"}, {"exit_code": 7}, {"exit_signal": 9}, {"end_reason": "signal"}, {"result": {"loss": 0}}],
    ids=str,
)
def test_the_result_of_a_task_stays(change: dict[str, Any]) -> None:
    task = make_task("completed")
    refused(lambda: Task.objects.filter(pk=task.pk).update(**change), "is final")
    Task.objects.filter(pk=task.pk).update(description="no result")


@pytest.mark.parametrize(
    "change",
    [
        {"state": "failed"},
        {"exit_code": 7},
        {"exit_signal": 9},
        {"end_reason": "signal"},
        {"digest": "x"},
        {"fence": 9},
    ],
    ids=str,
)
def test_the_result_of_an_attempt_stays(change: dict[str, Any]) -> None:
    row = make_sub_agent(make_task("completed", agent=make_agent()), state="succeeded")
    refused(lambda: SubAgent.objects.filter(pk=row.pk).update(**change), "is final")
    SubAgent.objects.filter(pk=row.pk).update(unreachable_since=timezone.now())


def test_what_is_not_final_may_change() -> None:
    row = make_sub_agent(state="running")
    SubAgent.objects.filter(pk=row.pk).update(state="lost", ended_at=timezone.now(), digest="d")
    Task.objects.filter(pk=row.task_id).update(exit_code=1)


def test_old_rows_can_be_removed_on_purpose_and_only_then() -> None:
    row = made(TaskEvent)
    with append_only.lifted(TaskEvent):
        TaskEvent.objects.filter(pk=row.pk).delete()
    assert not TaskEvent.objects.filter(pk=row.pk).exists()
    refused(made(TaskEvent).delete, "is only ever added to")


def test_what_fails_meanwhile_puts_the_guard_back() -> None:
    row = made(TaskEvent)
    with pytest.raises(ZeroDivisionError), append_only.lifted(TaskEvent):
        raise ZeroDivisionError
    refused(row.delete, "is only ever added to")


def test_setting_it_again_changes_nothing() -> None:
    append_only.install()
    append_only.install()
    refused(made(AgentEvent).delete, "is only ever added to")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite loses triggers, so they are set each time")
def test_what_is_set_is_not_set_again_and_what_is_another_is() -> None:
    sql("DROP TRIGGER agents_agentevent_append_only_truncate ON agents_agentevent")
    sql("COMMENT ON TRIGGER tasks_task_final ON tasks_task IS 'an older one'")
    with CaptureQueriesContext(connection) as queries:
        append_only.install()
    made_anew = [query["sql"] for query in queries if query["sql"].startswith("CREATE TRIGGER")]
    assert {statement.split()[2] for statement in made_anew} == {
        "agents_agentevent_append_only",
        "agents_agentevent_append_only_truncate",
        "tasks_task_final",
    }
