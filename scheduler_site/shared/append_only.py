"""What the database itself refuses, even by raw SQL: to change or delete a row of a history, to change a result.

Triggers, set after every migration (SQLite loses them when it rebuilds a table). `lifted` is the one way around, for
code that removes old rows on purpose: inside the transaction of the caller SQLite's are taken away and put back;
PostgreSQL's, which could not go without locking everybody out, look whether they are lifted in their transaction.
"""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction

from scheduler_site.shared.audit import HistoryRow


@dataclass(frozen=True)
class Rule:
    """Rows of `table` may not be changed, nor deleted if `columns` is empty; with `columns`, only these may not be
    changed, and only where `condition` holds of the old row."""

    table: str
    columns: tuple[str, ...] = ()
    condition: str = ""

    @property
    def name(self) -> str:
        return f"{self.table}_final" if self.columns else f"{self.table}_append_only"

    @property
    def sentence(self) -> str:
        return f"A result in {self.table} is final." if self.columns else f"{self.table} is only ever added to."


def rules() -> list[Rule]:
    """Every history, and what models name as `final_columns` under `final_condition`."""
    found = []
    for model in apps.get_models():
        if issubclass(model, HistoryRow):
            found.append(Rule(model._meta.db_table))
        if columns := getattr(model, "final_columns", ()):
            found.append(Rule(model._meta.db_table, tuple(columns), model.final_condition))  # type: ignore[attr-defined]
    return found


def install(**_signal: Any) -> None:
    """Idempotent. Tables that are not there yet are left out: a migration may stop in between. What is set already on
    PostgreSQL is not touched: other servers may be at work, and each would have to wait for the other."""
    tables = set(connection.introspection.table_names())
    with transaction.atomic():
        for rule in rules():
            if rule.table in tables and not _is_set(rule):
                _run([*without(rule), *_created(rule)])


@contextmanager
def lifted(*history: type[models.Model]) -> Iterator[None]:
    """Within this block rows of these histories may be deleted or changed; it is one transaction."""
    mine = [rule for rule in rules() if rule.table in {model._meta.db_table for model in history}]
    with transaction.atomic():
        _run(_taken_away(mine))
        yield
        _run(_put_back(mine))


def _taken_away(mine: Sequence[Rule]) -> list[str]:
    if connection.vendor == "sqlite":
        return [statement for rule in mine for statement in without(rule)]
    return [f"SET LOCAL {_LIFTED} = ',{','.join(rule.table for rule in mine)},'"]


def _put_back(mine: Sequence[Rule]) -> list[str]:
    if connection.vendor == "sqlite":
        return [statement for rule in mine for statement in _created(rule)]
    return [f"SET LOCAL {_LIFTED} = ''"]


def _run(statements: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def without(rule: Rule) -> list[str]:
    """What takes the guard of a rule away."""
    if connection.vendor == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {rule.name}_{act}" for act in ("update", "delete")]
    return [f"DROP TRIGGER IF EXISTS {name} ON {rule.table}" for name in (rule.name, f"{rule.name}_truncate")]


def _created(rule: Rule) -> list[str]:
    return _on_sqlite(rule) if connection.vendor == "sqlite" else _on_postgresql(rule)


def _on_sqlite(rule: Rule) -> list[str]:
    refusal = f"BEGIN SELECT RAISE(ABORT, '{rule.sentence}'); END"
    if not rule.columns:
        return [
            f"CREATE TRIGGER {rule.name}_{act} BEFORE {act.upper()} ON {rule.table} {refusal}"
            for act in ("update", "delete")
        ]
    changed = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in rule.columns)
    when = f"WHEN ({rule.condition}) AND ({changed})"
    return [f"CREATE TRIGGER {rule.name}_update BEFORE UPDATE ON {rule.table} {when} {refusal}"]


def _is_set(rule: Rule) -> bool:
    if connection.vendor == "sqlite":
        return False
    with connection.cursor() as cursor:
        query = "SELECT tgname, obj_description(oid, 'pg_trigger') FROM pg_trigger WHERE tgrelid = %s::regclass"
        cursor.execute(query, [rule.table])
        found = dict(cursor.fetchall())
    wanted = _triggers_on_postgresql(rule)
    return all(found.get(name) == _mark(statement) for name, statement in wanted.items())


def _mark(statement: str) -> str:
    """Kept as the trigger's comment: PostgreSQL spells its definition in its own words."""
    return f"nightshift {zlib.crc32((_REFUSE + statement).encode()):08x}"


_LIFTED = "nightshift.lifted"
_REFUSE = f"""
CREATE OR REPLACE FUNCTION nightshift_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF strpos(coalesce(current_setting('{_LIFTED}', true), ''), ',' || TG_TABLE_NAME || ',') > 0 THEN
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END $$
"""


def _on_postgresql(rule: Rule) -> list[str]:
    made = [_REFUSE]
    for name, statement in _triggers_on_postgresql(rule).items():
        made += [statement, f"COMMENT ON TRIGGER {name} ON {rule.table} IS '{_mark(statement)}'"]
    return made


def _triggers_on_postgresql(rule: Rule) -> dict[str, str]:
    """A trigger for each row does not see TRUNCATE."""
    name, table, refusal = rule.name, rule.table, f"EXECUTE FUNCTION nightshift_refuse('{rule.sentence}')"
    if not rule.columns:
        return {
            name: f"CREATE TRIGGER {name} BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {refusal}",
            f"{name}_truncate": f"CREATE TRIGGER {name}_truncate BEFORE TRUNCATE ON {table} {refusal}",
        }
    changed = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in rule.columns)
    when = f"WHEN (({rule.condition}) AND ({changed}))"
    return {name: f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW {when} {refusal}"}
