"""Writers of one process take turns: one at a time, the next is woken, and nobody keeps the turn."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction
from django.db.models import F
from django.db.transaction import TransactionManagementError

from scheduler_site.in_turn.sqlite3 import base
from scheduler_site.shared import statements
from scheduler_site.shared.database_trouble import will_pass
from tasks.models import FenceCounter

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases let writers write at once"),
]


@pytest.fixture(autouse=True)
def counter() -> Iterator[None]:
    FenceCounter.objects.create(pk=1, value=0)
    yield
    assert not base._turn.locked()


def add_one() -> int:
    return FenceCounter.objects.filter(pk=1).update(value=F("value") + 1)


def value() -> int:
    return FenceCounter.objects.get(pk=1).value


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_transaction_has_the_turn_until_its_end() -> None:
    with transaction.atomic():
        assert base._turn.locked()
        with transaction.atomic():
            add_one()
        assert base._turn.locked()
    assert not base._turn.locked()
    assert value() == 1


def test_one_that_fails_gives_it_back() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        FenceCounter.objects.create(pk=1, value=7)
    assert not base._turn.locked()


def test_a_connection_that_is_closed_gives_it_back() -> None:
    def leave_in_the_middle() -> None:
        connection.ensure_connection()
        connection._start_transaction_under_autocommit()
        assert base._turn.locked()

    in_thread(leave_in_the_middle).join()
    assert not base._turn.locked()


def test_one_that_cannot_begin_does_not_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_self: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(base.base.DatabaseWrapper, "_start_transaction_under_autocommit", refuses)
    with pytest.raises(OperationalError), transaction.atomic():
        pass
    assert not base._turn.locked()


def test_all_that_come_at_once_get_their_turn() -> None:
    def write() -> None:
        for number in range(25):
            if number % 2:
                add_one()
                continue
            with transaction.atomic():
                add_one()

    threads = [in_thread(write) for _ in range(8)]
    for thread in threads:
        thread.join()
    assert value() == 8 * 25


def test_who_waits_for_too_long_is_told_what_sqlite_would_say(settings: Any) -> None:
    settings.DATABASE_BUSY_SECONDS = 0.05
    errors: list[Exception] = []

    def write() -> None:
        try:
            add_one()
        except OperationalError as error:
            errors.append(error)

    with transaction.atomic():
        add_one()
        in_thread(write).join()
    assert [will_pass(error) for error in errors] == [True]
    assert value() == 1


def test_who_reads_needs_no_turn() -> None:
    seen: list[int] = []
    with transaction.atomic():
        add_one()
        in_thread(lambda: seen.append(value())).join()
    assert seen == [0]


def plainly(sql: str, *values: object) -> Any:
    return connections["default"].run(sql, values)


def test_a_plain_statement_has_the_turn_only_where_it_writes() -> None:
    assert plainly("UPDATE tasks_fencecounter SET value = value + %s WHERE id = %s", 3, 1).rowcount == 1
    assert not base._turn.locked()
    assert plainly("SELECT value FROM tasks_fencecounter WHERE id = %s", 1).fetchall() == [(3,)]
    with transaction.atomic():
        plainly("UPDATE tasks_fencecounter SET value = %s", 4)
        assert base._turn.locked()


def test_a_plain_statement_is_part_of_the_transaction() -> None:
    @transaction.atomic
    def fails_in_the_end() -> None:
        plainly("UPDATE tasks_fencecounter SET value = %s", 5)
        plainly("INSERT INTO tasks_fencecounter (id, value) VALUES (%s, %s)", 1, 6)

    with pytest.raises(IntegrityError):
        fails_in_the_end()
    assert value() == 0


def test_no_plain_statement_runs_in_a_transaction_that_is_broken() -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            plainly("UPDATE tasks_fencecounter SET value = %s", 5)
    assert value() == 0


def test_who_counts_statements_misses_none(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert statements.row(FenceCounter, ["value"], {"pk": 1}) == (0,)
    seen: list[str] = []
    with connection.execute_wrapper(lambda execute, sql, *more: [seen.append(sql), execute(sql, *more)][1]):
        assert statements.row(FenceCounter, ["value"], {"pk": 1}) == (0,)
    assert len(seen) == 1
