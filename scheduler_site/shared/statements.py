"""The few statements that the way of every task needs, without the ORM's query building: that costs ten times as much
CPU as they do (docs/performance.md).

Only what a model's own columns say: equality, one of several values, IS NULL, and how many rows there are. Whatever
joins, orders or computes is the ORM's. Values pass the model's fields both ways, so that a row is the same whoever
wrote it. Sends no signals.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models

Row = TypeVar("Row", bound=models.Model)
Where = Mapping[str, Any]
AT_ONCE = 500  # values in one statement


@dataclass(frozen=True, slots=True)
class Plus:
    """As a new value: what the column holds and so much more."""

    amount: int


def update(model: type[models.Model], where: Where, **columns: Any) -> int:
    """How many rows were changed."""
    with connection.cursor() as cursor:
        cursor.execute(*_update(model, where, columns))
        changed: int = cursor.rowcount
        return changed


def update_each(model: type[models.Model], rows: Mapping[Any, Mapping[str, Any]]) -> None:
    """New values of many rows, each by its key, in the order of `rows`. Neighbours with the same columns go to the
    database in one call: a call for each would be most of what they cost."""
    here = _here()
    for names, alike in itertools.groupby(rows.items(), key=lambda row: tuple(row[1])):
        values = [(*columns.values(), key) for key, columns in alike]
        fields = [_fields(model)[name] for name in (*names, "pk")]
        prepared = [
            _column(field, column, here) for field, column in zip(fields, zip(*values, strict=True), strict=True)
        ]
        with here.cursor() as cursor:
            cursor.executemany(_update_by_key(model, names), list(zip(*prepared, strict=True)))


def updated(model: type[models.Model], names: Sequence[str], where: Where, **columns: Any) -> tuple[Any, ...] | None:
    """The columns `names` of the one row that was changed, as they are now; None when there was none."""
    text, values = _update(model, where, columns)
    found = _fetched(model, tuple(names), f"{text} RETURNING {_listed(model, tuple(names))}", values)
    return found[0] if found else None


def rows(
    model: type[models.Model], names: Sequence[str], where: Where, *, locked: bool = False
) -> list[tuple[Any, ...]]:
    """The columns `names`, in no order; of every row without a condition. `locked`: until the transaction ends, where
    rows can be locked one by one."""
    text, values = _condition(model, where) if where else ("1 = 1", [])
    lock = " FOR NO KEY UPDATE" if locked and connection.features.has_select_for_update else ""
    wanted = f"SELECT {_listed(model, tuple(names))} FROM {_table(model)} WHERE {text}{lock}"  # noqa: S608 - names of columns only
    return _fetched(model, tuple(names), wanted, values)


def rows_among(
    model: type[models.Model], names: Sequence[str], column: str, values: Collection[Any], **where: Any
) -> list[tuple[Any, ...]]:
    """The rows whose `column` has one of however many values."""
    return [found for chunk in _chunks(values) for found in rows(model, names, {column: chunk, **where})]


def count_among(model: type[models.Model], column: str, values: Collection[Any], **where: Any) -> int:
    """How many rows have in `column` one of however many values."""
    return sum(_count(model, {column: chunk, **where}) for chunk in _chunks(values))


def row(
    model: type[models.Model], names: Sequence[str], where: Where, *, locked: bool = False
) -> tuple[Any, ...] | None:
    found = rows(model, names, where, locked=locked)
    return found[0] if found else None


def instances(
    model: type[Row], where: Where, names: Collection[str] | None = None, *, locked: bool = False
) -> list[Row]:
    """Model rows with the columns `names` and the others deferred; with all of them when none are named."""
    wanted = _in_order(model, None if names is None else frozenset(names))
    found = rows(model, wanted, where, locked=locked)
    return [model.from_db(DEFAULT_DB_ALIAS, wanted, one) for one in found]


def instances_among(
    model: type[Row], column: str, values: Collection[Any], names: Collection[str] | None = None, **where: Any
) -> list[Row]:
    """Model rows whose `column` has one of however many values."""
    wanted = _in_order(model, None if names is None else frozenset(names))
    return [model.from_db(DEFAULT_DB_ALIAS, wanted, one) for one in rows_among(model, wanted, column, values, **where)]


def instance(
    model: type[Row], where: Where, names: Collection[str] | None = None, *, locked: bool = False
) -> Row | None:
    found = instances(model, where, names, locked=locked)
    return found[0] if found else None


def insert(*new: Row) -> None:
    """Store new rows of one model, in one statement; keys that the database numbers are set on them."""
    model, fields = type(new[0]), _fields(type(new[0]))
    key = fields["pk"].attname
    is_numbered = isinstance(fields["pk"], models.AutoField)
    names = tuple(name for name in _in_order(model, None) if not (is_numbered and name == key))
    chosen = [fields[name] for name in names]
    values = [field.get_db_prep_save(field.pre_save(one, True), connection) for one in new for field in chosen]
    text = _insert(model, names, len(new))
    if is_numbered:
        numbers = _fetched(model, (key,), f"{text} RETURNING {_quoted(model, key)}", values)
        for one, (number,) in zip(new, numbers, strict=True):
            one.pk = number
    else:
        with connection.cursor() as cursor:
            cursor.execute(text, values)
    for one in new:
        one._state.adding, one._state.db = False, DEFAULT_DB_ALIAS


def _chunks(values: Collection[Any]) -> Iterator[list[Any]]:
    every = list(values)
    return (every[start : start + AT_ONCE] for start in range(0, len(every), AT_ONCE))


def _count(model: type[models.Model], where: Where) -> int:
    text, values = _condition(model, where)
    with _here().cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {_table(model)} WHERE {text}", values)  # noqa: S608
        (count,) = cursor.fetchone()
    return int(count)


def _update(model: type[models.Model], where: Where, columns: Mapping[str, Any]) -> tuple[str, list[Any]]:
    fields, here = _fields(model), _here()
    parts, values = [], []
    for name, value in columns.items():
        quoted = _quoted(model, name)
        if isinstance(value, Plus):
            parts.append(f"{quoted} = {quoted} + %s")
            values.append(value.amount)
        else:
            parts.append(f"{quoted} = %s")
            values.append(fields[name].get_db_prep_save(value, here))
    condition, more = _condition(model, where)
    return f"UPDATE {_table(model)} SET {', '.join(parts)} WHERE {condition}", values + more  # noqa: S608


@lru_cache(maxsize=64)
def _update_by_key(model: type[models.Model], names: tuple[str, ...]) -> str:
    parts = ", ".join(f"{_quoted(model, name)} = %s" for name in names)
    return f"UPDATE {_table(model)} SET {parts} WHERE {_quoted(model, 'pk')} = %s"  # noqa: S608


def _column(field: Any, values: Sequence[Any], here: Any) -> list[Any]:
    """As each of them alone. The same moment or nothing often stands in many rows, and moments take longest."""
    if not isinstance(field, models.DateTimeField):
        return [field.get_db_prep_save(value, here) for value in values]
    known = {value: field.get_db_prep_save(value, here) for value in set(values)}
    return [known[value] for value in values]


def _here() -> Any:
    """This thread's connection itself: what stands for it in Django looks for it anew at each of its attributes."""
    return connections[DEFAULT_DB_ALIAS]


def _condition(model: type[models.Model], where: Where) -> tuple[str, list[Any]]:
    if not where:
        raise ValueError("A statement without a condition would concern every row.")
    fields, here = _fields(model), _here()
    parts, values = [], []
    for name, value in where.items():
        quoted = _quoted(model, name)
        if value is None:
            parts.append(f"{quoted} IS NULL")
        elif isinstance(value, Collection) and not isinstance(value, str | bytes):
            parts.append(f"{quoted} IN ({', '.join(['%s'] * len(value))})" if value else "0 = 1")
            values += [fields[name].get_db_prep_save(one, here) for one in value]
        else:
            parts.append(f"{quoted} = %s")
            values.append(fields[name].get_db_prep_save(value, here))
    return " AND ".join(parts), values


def _fetched(model: type[models.Model], names: tuple[str, ...], text: str, values: list[Any]) -> list[tuple[Any, ...]]:
    here = _here()
    with here.cursor() as cursor:
        cursor.execute(text, values)
        found = cursor.fetchall()
    converters = _converters(model, names, here.vendor)
    return [_converted(one, converters, here) for one in found] if converters else found


def _converted(
    found: tuple[Any, ...], converters: Sequence[tuple[int, Any, Sequence[Any]]], here: Any
) -> tuple[Any, ...]:
    values = list(found)
    for place, expression, steps in converters:
        for step in steps:
            values[place] = step(values[place], expression, here)
    return tuple(values)


@lru_cache(maxsize=512)
def _converters(model: type[models.Model], names: tuple[str, ...], vendor: str) -> list[tuple[int, Any, list[Any]]]:
    """Of those columns whose values the database gives in another form than Python's."""
    found = []
    for place, name in enumerate(names):
        column = _fields(model)[name].get_col(model._meta.db_table)
        steps = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
        if steps:
            found.append((place, column, steps))
    return found


@lru_cache(maxsize=64)
def _fields(model: type[models.Model]) -> dict[str, Any]:
    """By the names of their columns' attributes, the key also as pk."""
    return {**{field.attname: field for field in model._meta.concrete_fields}, "pk": model._meta.pk}


@lru_cache(maxsize=512)
def _in_order(model: type[models.Model], names: frozenset[str] | None) -> tuple[str, ...]:
    """As the model has them, with its key: so a row is made of values."""
    fields = model._meta.concrete_fields
    return tuple(field.attname for field in fields if names is None or field.primary_key or field.attname in names)


@lru_cache(maxsize=512)
def _listed(model: type[models.Model], names: tuple[str, ...]) -> str:
    return ", ".join(_quoted(model, name) for name in names)


@lru_cache(maxsize=1024)
def _quoted(model: type[models.Model], name: str) -> str:
    return f'"{_fields(model)[name].column}"'


def _table(model: type[models.Model]) -> str:
    return f'"{model._meta.db_table}"'


@lru_cache(maxsize=256)
def _insert(model: type[models.Model], names: tuple[str, ...], count: int) -> str:
    one = f"({', '.join(['%s'] * len(names))})"
    return f"INSERT INTO {_table(model)} ({_listed(model, names)}) VALUES {', '.join([one] * count)}"  # noqa: S608
