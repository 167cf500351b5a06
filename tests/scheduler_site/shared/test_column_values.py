"""Values go into columns and come back as their fields would have them."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection, models

from scheduler_site.shared.column_values import fields, way_in, ways_out
from tasks.models import SubAgent, Task, TaskEvent
from tasks.states import TaskStatus

pytestmark = pytest.mark.django_db

MODELS = [model for model in apps.get_models() if model._meta.app_label in ("tasks", "agents", "templates_app")]
MOMENT = datetime(2026, 2, 28, 23, 59, 59, 7, tzinfo=UTC)
KEY = uuid.UUID(int=2**100 + 1)
ODD: list[Any] = [
    *(None, True, False, 0, -7, 2**40, 1.5, "", "7", "naïve %s ? 日本", TaskStatus.WAITING, Decimal("2.50")),
    *(MOMENT, MOMENT.replace(microsecond=0), MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30))), str(MOMENT)),
    *(KEY, str(KEY), KEY.hex, [], {}, {"a": [1, None]}),
]


def outcome(way: Any, value: Any) -> Any:
    """What came, with its type; or which error."""
    try:
        found = way(value)
    except (TypeError, ValueError, ValidationError, ArithmeticError, AttributeError) as error:
        return type(error)
    return type(found), str(found)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_column_takes_what_its_field_takes(model: type[models.Model]) -> None:
    for name, field in fields(model).items():
        for value in ODD:
            expected = outcome(lambda one, field=field: field.get_db_prep_save(one, connection), value)
            assert outcome(way_in(model, name), value) == expected, (name, value)


def by_field(model: type[models.Model], name: str, value: Any) -> Any:
    column = fields(model)[name].get_col(model._meta.db_table)
    for step in [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]:
        value = step(value, column, connection)
    return value


TEXTS = ["{}", "[]", '{"a": 1}', "null", '"x"', "not JSON"]
FROM_DRIVERS: dict[type, list[Any]] = {
    models.JSONField: [None, *TEXTS],
    models.DateTimeField: [None, MOMENT.replace(tzinfo=None), str(MOMENT.replace(tzinfo=None)), MOMENT],
    models.BooleanField: [None, True, False, 1, 0],
    models.UUIDField: [None, KEY.hex],
    models.DecimalField: [None, 2.5, 2],
}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other drivers give other values")
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_column_gives_what_its_field_gives(model: type[models.Model]) -> None:
    names = tuple(name for name in fields(model) if name != "pk")
    ways = dict(ways_out(model, names))
    for place, name in enumerate(names):
        for value in FROM_DRIVERS.get(type(fields(model)[name]), [None, 7, "x"]):
            way = ways.get(place, lambda one: one)
            expected = outcome(lambda one, name=name: by_field(model, name, one), value)
            assert outcome(way, value) == expected, (name, value)


def test_nothing_that_may_change_is_shared_between_rows() -> None:
    names = ("environment",)
    ((_, way),) = ways_out(Task, names)
    first, second = way("{}"), way("{}")
    first["a"] = 1
    assert second == {}


def test_a_foreign_key_is_stored_as_the_key_that_it_names() -> None:
    assert way_in(TaskEvent, "sub_agent_id")(KEY) == SubAgent._meta.pk.get_db_prep_save(KEY, connection)
