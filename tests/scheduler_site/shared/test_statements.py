"""Statements without the ORM's query building write and read what the ORM would."""

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, models
from django.utils import timezone

from agents.models import Agent
from scheduler_site.shared import statements
from scheduler_site.shared.statements import Plus
from tasks.models import Allocation, FenceCounter, OutputLog, SubAgent, Task, TaskEvent
from tasks.states import CLAIMED_STATES, SubAgentState, TaskStatus
from tests.factories import make_agent, make_sub_agent, make_task

pytestmark = pytest.mark.django_db

ODD: dict[str, Any] = {
    "name": "naïve 'quoted' \" %s ? 日本",
    "environment": {"A": "1", "Ü": "\u2028", "n": [1, None, {"x": 2.5}]},
    "gpu_types": ["a", "b"],
    "cpu_cores": Decimal("2.50"),
    "memory_mib": 2**40,
    "gpu_share": True,
    "deadline_at": timezone.now() + timedelta(days=1),
    "result": {"loss": 0.1},
    "estimated_seconds": None,
}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="others have found all rows by then")
def test_an_error_in_a_later_row_is_django_s_too() -> None:
    found: list[int] = []

    def fails_later(value: int) -> int:
        found.append(value)
        if len(found) > 1:
            raise ValueError
        return value

    connection.ensure_connection()
    connection.connection.create_function("fails_later", 1, fails_later)
    with pytest.raises(OperationalError):
        statements._read("SELECT fails_later(value) FROM json_each('[1, 2, 3]')", [])


def columns(row: models.Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def stored(row: models.Model) -> Any:
    """What is really in the table."""
    table, key = row._meta.db_table, row._meta.pk
    assert key is not None
    with connection.cursor() as cursor:
        value = key.get_db_prep_save(row.pk, connection)
        cursor.execute(f'SELECT * FROM "{table}" WHERE "{key.column}" = %s', [value])
        return cursor.fetchone()


def test_an_inserted_row_is_the_one_that_the_orm_would_store() -> None:
    ours = Task(script_content="true", status=TaskStatus.WAITING, **ODD)
    theirs = Task(script_content="true", status=TaskStatus.WAITING, **ODD)
    theirs.created_time = ours.created_time
    statements.insert(ours)
    theirs.save(force_insert=True)
    assert ours.pk
    assert theirs.pk == ours.pk + 1
    assert stored(ours)[1:] == stored(theirs)[1:]
    assert not ours._state.adding
    ours.refresh_from_db()
    theirs.refresh_from_db()
    assert columns(ours) == {**columns(theirs), "id": ours.pk}


def test_several_rows_get_their_numbers_in_their_order() -> None:
    task = make_task()
    events = [TaskEvent(task=task, verb=f"verb {number}", actor_kind="system") for number in range(5)]
    statements.insert(*events)
    assert [TaskEvent.objects.get(pk=event.pk).verb for event in events] == [event.verb for event in events]


def test_a_key_of_ones_own_is_kept() -> None:
    agent, task = make_agent(), make_task()
    sub_agent = SubAgent(task=task, agent=agent, attempt_no=1, fence=7, state=SubAgentState.ASSIGNED)
    statements.insert(sub_agent)
    assert columns(SubAgent.objects.get(pk=sub_agent.pk)) == columns(sub_agent)


def test_what_a_constraint_forbids_is_refused() -> None:
    sub_agent = make_sub_agent()
    same = SubAgent(task=sub_agent.task, agent=sub_agent.agent, attempt_no=9, fence=sub_agent.fence, state="assigned")
    with pytest.raises(IntegrityError):
        statements.insert(same)


def test_what_is_there_already_is_left_as_it_is() -> None:
    sub_agent = make_sub_agent()
    first, second = (OutputLog(sub_agent=sub_agent, stream="out", stored_bytes=size) for size in (1, 2))
    assert statements.insert_if_new(first)
    assert not statements.insert_if_new(second)
    assert (OutputLog.objects.get().pk, OutputLog.objects.get().stored_bytes, second.pk) == (first.pk, 1, None)


@pytest.mark.parametrize("model", [Task, SubAgent, Agent, Allocation])
def test_a_row_is_read_as_the_orm_reads_it(model: Any) -> None:
    make_sub_agent(task=make_task(**ODD), agent=make_agent(gpus=2))
    theirs = model.objects.first()
    ours = statements.instance(model, {"pk": theirs.pk}, locked=True)
    assert ours == theirs
    assert columns(theirs) == columns(ours or Task())


def test_other_columns_are_deferred() -> None:
    task = make_task(name="a", script_content="echo")
    found = statements.instance(Task, {"pk": task.pk}, ["status", "name"])
    assert found is not None
    assert found.get_deferred_fields() == {f.attname for f in Task._meta.concrete_fields} - {"id", "status", "name"}
    assert (found.name, found.script_content) == ("a", "echo")


def test_conditions() -> None:
    sub_agent = make_sub_agent(state=SubAgentState.RUNNING, agent=make_agent("first"))
    make_sub_agent(state=SubAgentState.SUCCEEDED)
    other = make_sub_agent(state=SubAgentState.STARTING, agent=make_agent("second"))

    def found(**where: Any) -> set[Any]:
        return {pk for (pk,) in statements.rows(SubAgent, ["id"], where)}

    assert found(state=SubAgentState.RUNNING) == {sub_agent.pk}
    assert found(state=CLAIMED_STATES) == {sub_agent.pk, other.pk}
    assert found(state=CLAIMED_STATES, agent_id=sub_agent.agent_id) == {sub_agent.pk}
    assert found(pk=[sub_agent.pk, uuid.uuid4()], ended_at=None) == {sub_agent.pk}
    assert found(state=[]) == set()
    assert statements.row(SubAgent, ["fence", "task_id"], {"pk": other.pk}) == (other.fence, other.task_id)
    assert statements.row(SubAgent, ["fence"], {"pk": uuid.uuid4()}) is None
    assert statements.instance(SubAgent, {"pk": uuid.uuid4()}) is None


def test_without_a_condition_nothing_is_done() -> None:
    with pytest.raises(ValueError, match="every row"):
        statements.update(Task, {}, name="x")


def test_an_unknown_column_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        statements.update(Task, {"nme": 1}, name="x")
    with pytest.raises(KeyError):
        statements.update(Task, {"pk": 1}, nme="x")


def test_an_update_changes_what_it_names_where_it_holds() -> None:
    task, other = make_task(), make_task(priority=1)
    before = columns(other)
    assert statements.update(Task, {"pk": task.pk, "status": "waiting"}, **ODD, attempt_no=Plus(2)) == 1
    assert statements.update(Task, {"pk": task.pk, "status": "running"}, name="never") == 0
    task.refresh_from_db()
    assert {name: getattr(task, name) for name in ODD} == ODD
    assert task.attempt_no == 2
    other.refresh_from_db()
    assert columns(other) == before


def test_an_update_tells_what_is_there_now() -> None:
    FenceCounter.objects.update_or_create(pk=1, defaults={"value": 41})
    assert statements.updated(FenceCounter, ["value"], {"pk": 1}, value=Plus(1)) == (42,)
    assert statements.updated(FenceCounter, ["value"], {"pk": 2}, value=Plus(1)) is None
    task = make_task(environment={"a": "b"})
    assert statements.updated(Task, ["environment", "priority"], {"pk": task.pk}, priority=1) == ({"a": "b"}, 1)


def test_many_rows_get_each_its_own_values() -> None:
    rows = [make_sub_agent() for _ in range(4)]
    now = timezone.now()
    statements.update_each(
        SubAgent,
        {
            rows[0].pk: {"last_heartbeat_time": now, "gpu_info": [{"uuid": "é"}]},
            rows[1].pk: {"last_heartbeat_time": now, "gpu_info": []},
            rows[2].pk: {"cpu_usage": 1.5, "unreachable_since": None},
            uuid.uuid4(): {"cpu_usage": 7.0, "unreachable_since": None},
        },
    )
    for row in rows:
        row.refresh_from_db()
    assert [row.last_heartbeat_time for row in rows] == [now, now, None, None]
    assert [row.gpu_info for row in rows] == [[{"uuid": "é"}], [], [], []]
    assert [row.cpu_usage for row in rows] == [None, None, 1.5, None]


def test_of_many_rows_none_is_nothing_to_do() -> None:
    statements.update_each(SubAgent, {})
