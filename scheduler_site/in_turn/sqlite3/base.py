"""Django's SQLite backend, with the writers of this process in a queue.

SQLite lets a writer that must wait sleep, up to 100 ms at a time, and look again: in between the file may be free.
Threads of one process can do better: whoever is next is woken. Writers of other processes, and whoever reads, are left
to SQLite.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

WRITES = frozenset({"INSERT", "UPDATE", "DELETE"})

BaseWrapper: Any = base.DatabaseWrapper  # its type stubs leave out what is replaced here

_turn = threading.Lock()


class DatabaseWrapper(BaseWrapper):
    """Has the turn from the beginning of a transaction to its end; outside of one, for each statement that writes.
    Transactions that are begun by hand (set_autocommit(False)) are left to SQLite, too."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._has_turn = False
        self.execute_wrappers.append(self._execute_in_turn)

    def run(self, sql: str, values: Sequence[Any]) -> Any:
        """The database's own cursor after this statement, in which %s stands for a value and nothing else: without
        what Django's cursors do around it, which takes four times as long. None where somebody looks on, as a test
        that counts does; then it has not been executed."""
        if self.force_debug_cursor or len(self.execute_wrappers) > 1:
            return None
        if self.needs_rollback:
            self.validate_no_broken_transaction()
        self.ensure_connection()
        try:
            return self._execute_in_turn(self.connection.execute, in_sqlite(sql), values)
        except sqlite3.Error:
            with self.wrap_database_errors:
                raise

    def _start_transaction_under_autocommit(self) -> None:
        self._take_turn()
        try:
            super()._start_transaction_under_autocommit()
        except BaseException:
            self._end_turn()
            raise

    def _commit(self) -> Any:
        try:
            return super()._commit()
        finally:
            self._end_turn()

    def _rollback(self) -> Any:
        try:
            return super()._rollback()
        finally:
            self._end_turn()

    def _close(self) -> Any:
        try:
            return super()._close()
        finally:
            self._end_turn()

    def _execute_in_turn(self, execute: Callable[..., Any], sql: str, *more: Any) -> Any:
        if self._has_turn or not self.autocommit or sql[:6] not in WRITES:
            return execute(sql, *more)
        self._take_turn()
        try:
            return execute(sql, *more)
        finally:
            self._end_turn()

    def _take_turn(self) -> None:
        """Raises what SQLite would, after as long; another process may be waited for as long again."""
        if not self._has_turn and not _turn.acquire(timeout=settings.DATABASE_BUSY_SECONDS):
            raise OperationalError("database is locked")
        self._has_turn = True

    def _end_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            _turn.release()


@lru_cache(maxsize=1024)
def in_sqlite(sql: str) -> str:
    return sql.replace("%s", "?")
