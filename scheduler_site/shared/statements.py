"""The few statements that the way of every task needs, without the ORM's query building: that costs ten times as much
CPU as they do (docs/performance.md).

Only what a model's own columns say: equality, one of several values, IS NULL, and how many rows there are. Whatever
joins, orders or computes is the ORM's. Values pass the model's fields both ways, so that a row is the same whoever
wrote it. Sends no signals.
"""

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.base import ModelState

from scheduler_site.shared.column_values import Way, fields, way_in, ways_out

Row = TypeVar("Row", bound=models.Model)
Where = Mapping[str, Any]
AT_ONCE = 500  # values in one statement
Shape = tuple[tuple[str, int], ...]  # of a condition: columns, each with how many values, or
_NULL, _ONE = -2, -1
_SINGLE = (str, bytes, UUID, int, datetime)  # what is no collection, in the order of how often it comes


@dataclass(frozen=True, slots=True)
class Plus:
    """As a new value: what the column holds and so much more."""

    amount: int


def update(model: type[models.Model], where: Where, **columns: Any) -> int:
    """How many rows were changed."""
    return _changed(*_update(model, where, columns))


def update_each(model: type[models.Model], rows: Mapping[Any, Mapping[str, Any]]) -> None:
    """New values of many rows, each by its key, in the order of `rows`. Neighbours with the same columns go to the
    database in one call: a call for each would be most of what they cost."""
    here = _here()
    for names, alike in itertools.groupby(rows.items(), key=lambda row: tuple(row[1])):
        values = [(*columns.values(), key) for key, columns in alike]
        prepared = [
            _column(model, name, column) for name, column in zip((*names, "pk"), zip(*values, strict=True), strict=True)
        ]
        with here.cursor() as cursor:
            cursor.executemany(_update_by_key(model, names), list(zip(*prepared, strict=True)))


def updated(model: type[models.Model], names: Sequence[str], where: Where, **columns: Any) -> tuple[Any, ...] | None:
    """The columns `names` of the one row that was changed, as they are now; None when there was none."""
    text, values = _update(model, where, columns, tuple(names))
    found = _fetched(model, tuple(names), text, values)
    return found[0] if found else None


def rows(
    model: type[models.Model], names: Sequence[str], where: Where, *, locked: bool = False
) -> list[tuple[Any, ...]]:
    """The columns `names`, in no order; of every row without a condition. `locked`: until the transaction ends, where
    rows can be locked one by one."""
    wanted = tuple(names)
    shape, values = _asked(model, where)
    return _fetched(model, wanted, _select(model, wanted, shape, locked), values)


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
    return [_made(model, wanted, one) for one in found]


def instances_among(
    model: type[Row], column: str, values: Collection[Any], names: Collection[str] | None = None, **where: Any
) -> list[Row]:
    """Model rows whose `column` has one of however many values."""
    wanted = _in_order(model, None if names is None else frozenset(names))
    return [_made(model, wanted, one) for one in rows_among(model, wanted, column, values, **where)]


def instance(
    model: type[Row], where: Where, names: Collection[str] | None = None, *, locked: bool = False
) -> Row | None:
    found = instances(model, where, names, locked=locked)
    return found[0] if found else None


def insert(*new: Row) -> None:
    """Store new rows of one model, in one statement; keys that the database numbers are set on them."""
    model = type(new[0])
    text, values = _insertion(model, new)
    if _is_numbered(model):
        numbers = _fetched(model, ("pk",), f"{text} RETURNING {_quoted(model, 'pk')}", values)
        for one, (number,) in zip(new, numbers, strict=True):
            one.pk = number
    else:
        _changed(text, values)
    for one in new:
        one._state.adding, one._state.db = False, DEFAULT_DB_ALIAS


def insert_if_new(one: Row) -> bool:
    """Of a model whose keys the database numbers. False: there is a row with the same unique columns; nothing is
    undone for that, as after an IntegrityError."""
    model = type(one)
    text, values = _insertion(model, [one])
    found = _fetched(model, ("pk",), f"{text} ON CONFLICT DO NOTHING RETURNING {_quoted(model, 'pk')}", values)
    if found:
        ((one.pk,),) = found
        one._state.adding, one._state.db = False, DEFAULT_DB_ALIAS
    return bool(found)


def _insertion(model: type[Row], new: Sequence[Row]) -> tuple[str, list[Any]]:
    names, columns = _columns_of_new(model)
    return _insert(model, names, len(new)), [way(given(one)) for one in new for given, way in columns]


@lru_cache(maxsize=64)
def _columns_of_new(model: type[models.Model]) -> tuple[tuple[str, ...], Sequence[tuple[Callable[[Any], Any], Way]]]:
    """Their names; for each what gives a row's value, and what makes the database's of that."""
    key = fields(model)["pk"].attname
    names = tuple(name for name in _in_order(model, None) if not (_is_numbered(model) and name == key))
    return names, [(_given(fields(model)[name]), way_in(model, name)) for name in names]


def _given(field: Any) -> Callable[[Any], Any]:
    """Most fields have nothing to do before a row is stored."""
    if type(field).pre_save is models.Field.pre_save:
        return attrgetter(field.attname)
    return lambda one: field.pre_save(one, True)


def _is_numbered(model: type[models.Model]) -> bool:
    return isinstance(fields(model)["pk"], models.AutoField)


def _chunks(values: Collection[Any]) -> Iterator[list[Any]]:
    every = list(values)
    return (every[start : start + AT_ONCE] for start in range(0, len(every), AT_ONCE))


def _count(model: type[models.Model], where: Where) -> int:
    shape, values = _asked(model, where)
    ((count,),) = _read(f"SELECT COUNT(*) FROM {_table(model)} WHERE {_condition(model, shape)}", values)  # noqa: S608
    return int(count)


def _update(
    model: type[models.Model], where: Where, columns: Mapping[str, Any], names: tuple[str, ...] = ()
) -> tuple[str, list[Any]]:
    """`names`: what is returned of the rows."""
    if not where:
        raise ValueError("A statement without a condition would concern every row.")
    changes, values = [], []
    for name, value in columns.items():
        is_added = isinstance(value, Plus)
        changes.append((name, is_added))
        values.append(value.amount if is_added else way_in(model, name)(value))
    shape, more = _asked(model, where)
    return _update_text(model, tuple(changes), shape, names), values + more


@lru_cache(maxsize=512)
def _update_text(
    model: type[models.Model], changes: tuple[tuple[str, bool], ...], shape: Shape, names: tuple[str, ...]
) -> str:
    quoted = [(_quoted(model, name), is_added) for name, is_added in changes]
    parts = ", ".join(f"{name} = {name} + %s" if is_added else f"{name} = %s" for name, is_added in quoted)
    returned = f" RETURNING {_listed(model, names)}" if names else ""
    return f"UPDATE {_table(model)} SET {parts} WHERE {_condition(model, shape)}{returned}"  # noqa: S608 - names of columns only


@lru_cache(maxsize=64)
def _update_by_key(model: type[models.Model], names: tuple[str, ...]) -> str:
    parts = ", ".join(f"{_quoted(model, name)} = %s" for name in names)
    return f"UPDATE {_table(model)} SET {parts} WHERE {_quoted(model, 'pk')} = %s"  # noqa: S608


def _column(model: type[models.Model], name: str, values: Sequence[Any]) -> list[Any]:
    """As each of them alone. The same moment or nothing often stands in many rows, and moments take longest."""
    way = way_in(model, name)
    if not isinstance(fields(model)[name], models.DateTimeField):
        return list(map(way, values))
    known = {value: way(value) for value in set(values)}
    return [known[value] for value in values]


def _here() -> Any:
    """This thread's connection itself: what stands for it in Django looks for it anew at each of its attributes."""
    return connections[DEFAULT_DB_ALIAS]


def _asked(model: type[models.Model], where: Where) -> tuple[Shape, list[Any]]:
    shape: list[tuple[str, int]] = []
    values: list[Any] = []
    for name, value in where.items():
        if value is None:
            shape.append((name, _NULL))
        elif not isinstance(value, _SINGLE) and isinstance(value, Collection):
            shape.append((name, len(value)))
            values += map(way_in(model, name), value)
        else:
            shape.append((name, _ONE))
            values.append(way_in(model, name)(value))
    return tuple(shape), values


@lru_cache(maxsize=1024)
def _select(model: type[models.Model], names: tuple[str, ...], shape: Shape, locked: bool) -> str:
    lock = " FOR NO KEY UPDATE" if locked and connection.features.has_select_for_update else ""
    condition = _condition(model, shape) if shape else "1 = 1"
    return f"SELECT {_listed(model, names)} FROM {_table(model)} WHERE {condition}{lock}"  # noqa: S608 - names of columns only


def _condition(model: type[models.Model], shape: Shape) -> str:
    parts = []
    for name, count in shape:
        quoted = _quoted(model, name)
        if count == _NULL:
            parts.append(f"{quoted} IS NULL")
        elif count == _ONE:
            parts.append(f"{quoted} = %s")
        else:
            parts.append(f"{quoted} IN ({', '.join(['%s'] * count)})" if count else "0 = 1")
    return " AND ".join(parts)


def _fetched(model: type[models.Model], names: tuple[str, ...], text: str, values: list[Any]) -> list[tuple[Any, ...]]:
    found = _read(text, values)
    ways = ways_out(model, names) if found else ()
    return [_converted(one, ways) for one in found] if ways else found


def _converted(found: tuple[Any, ...], ways: Sequence[tuple[int, Any]]) -> tuple[Any, ...]:
    values = list(found)
    for place, way in ways:
        values[place] = way(values[place])
    return tuple(values)


def _read(text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    here = _here()
    ran = here.run(text, values) if here.vendor == "sqlite" else None
    if ran is not None:
        with here.wrap_database_errors:  # SQLite looks for the later rows now
            return list(ran.fetchall())
    with here.cursor() as cursor:
        cursor.execute(text, values)
        return list(cursor.fetchall())


def _changed(text: str, values: Sequence[Any]) -> int:
    """How many rows."""
    here = _here()
    ran = here.run(text, values) if here.vendor == "sqlite" else None
    if ran is not None:
        return int(ran.rowcount)
    with here.cursor() as cursor:
        cursor.execute(text, values)
        return int(cursor.rowcount)


def _made(model: type[Row], names: Sequence[str], values: Sequence[Any]) -> Row:
    """As from_db makes it, which asks for each field and takes longer than reading them."""
    made, state = model.__new__(model), ModelState()
    state.adding, state.db = False, DEFAULT_DB_ALIAS
    made.__dict__.update(zip(names, values, strict=True), _state=state)
    return made


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
    return f'"{fields(model)[name].column}"'


def _table(model: type[models.Model]) -> str:
    return f'"{model._meta.db_table}"'


@lru_cache(maxsize=256)
def _insert(model: type[models.Model], names: tuple[str, ...], count: int) -> str:
    one = f"({', '.join(['%s'] * len(names))})"
    return f"INSERT INTO {_table(model)} ({_listed(model, names)}) VALUES {', '.join([one] * count)}"  # noqa: S608
