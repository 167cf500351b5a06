"""Values of a model's columns on their way to the database and back, as its fields take them, in one call for each.

A value that a field would leave as it is does not pass the field, nor do moments and UUIDs on SQLite: asking three or
four methods for each value of a row took longer than the statement. Runs no statement. A process has
one kind of database.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections, models

Way = Callable[[Any], Any]

_KEPT: dict[Any, type] = {
    models.AutoField: int,
    models.BigAutoField: int,
    models.BigIntegerField: int,
    models.BooleanField: bool,
    models.CharField: str,
    models.FloatField: float,
    models.IntegerField: int,
    models.PositiveBigIntegerField: int,
    models.PositiveIntegerField: int,
    models.PositiveSmallIntegerField: int,
    models.SmallIntegerField: int,
    models.TextField: str,
}
_EMPTY: dict[str, type] = {"{}": dict, "[]": list}
_EMPTY_TEXTS = {kind: text for text, kind in _EMPTY.items()}


@lru_cache(maxsize=256)
def fields(model: type[models.Model]) -> dict[str, Any]:
    """By the names of their columns' attributes, the key also as pk."""
    return {**{field.attname: field for field in model._meta.concrete_fields}, "pk": model._meta.pk}


@lru_cache(maxsize=2048)
def way_in(model: type[models.Model], name: str) -> Way:
    """What makes the database's value of Python's."""
    field = fields(model)[name]
    kind, by_field = type(_at_the_end(field)), _by_field(field)
    kept = _KEPT.get(kind)
    if kept is str:  # words of an enumeration, too
        return lambda value: value if value is None or isinstance(value, str) else by_field(value)
    if kept is int and connection.vendor != "sqlite":  # psycopg is told how long it is
        return by_field
    if kept is not None:
        return lambda value: value if value is None or type(value) is kept else by_field(value)
    return _as_sqlite_text(kind, by_field) if connection.vendor == "sqlite" else by_field


@lru_cache(maxsize=512)
def ways_out(model: type[models.Model], names: tuple[str, ...]) -> Sequence[tuple[int, Way]]:
    """What makes Python's values of the database's, by place, of those columns where they differ."""
    found = ((place, _way_out(model, name)) for place, name in enumerate(names))
    return [(place, way) for place, way in found if way is not None]


def _at_the_end(field: Any) -> Any:
    """A foreign key holds what the key that it names holds."""
    while field.is_relation:
        field = field.target_field
    return field


def _by_field(field: Any) -> Way:
    return lambda value: field.get_db_prep_save(value, connections[DEFAULT_DB_ALIAS])


def _as_sqlite_text(kind: type, by_field: Way) -> Way:
    if kind is models.DateTimeField:
        return lambda value: None if value is None else _moment(value) if _is_in_utc(value) else by_field(value)
    if kind is models.JSONField:
        return lambda value: by_field(value) if value else _EMPTY_TEXTS.get(type(value)) or by_field(value)
    if kind is models.UUIDField:
        return lambda value: value.hex if type(value) is UUID else by_field(value)
    return by_field


def _moment(value: datetime) -> str:
    return str(value.replace(tzinfo=None))


def _is_in_utc(value: Any) -> bool:
    return type(value) is datetime and value.tzinfo is UTC


def _way_out(model: type[models.Model], name: str) -> Way | None:
    field, here = fields(model)[name], connections[DEFAULT_DB_ALIAS]
    column = field.get_col(model._meta.db_table)
    steps = [*here.ops.get_db_converters(column), *column.get_db_converters(here)]
    if not steps:
        return None
    if type(field) is models.JSONField and field.decoder is None:
        return _parsed
    by_field = _in_steps(steps, column)
    return _from_sqlite(type(_at_the_end(field)), by_field) if here.vendor == "sqlite" else by_field


def _from_sqlite(kind: type, by_field: Way) -> Way:
    """The driver gives moments without their zone, and numbers for booleans where it does not know the column."""
    if kind is models.DateTimeField:
        return lambda value: (
            None if value is None else value.replace(tzinfo=UTC) if type(value) is datetime else by_field(value)
        )
    if kind is models.BooleanField:
        return lambda value: value if type(value) is bool else by_field(value)
    if kind is models.UUIDField:
        return lambda value: UUID(value) if type(value) is str else by_field(value)
    return by_field


def _in_steps(steps: Sequence[Any], column: Any) -> Way:
    def way(value: Any) -> Any:
        here = connections[DEFAULT_DB_ALIAS]
        for step in steps:
            value = step(value, column, here)
        return value

    return way


def _parsed(value: Any) -> Any:
    """Most say nothing."""
    if value is None:
        return None
    empty = _EMPTY.get(value)
    if empty is not None:
        return empty()
    try:
        return json.loads(value)
    except json.JSONDecodeError:  # as the field does
        return value
