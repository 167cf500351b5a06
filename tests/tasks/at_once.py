"""Two verbs at the same moment, each in a thread with a connection of its own; and the queries of a block."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model

from scheduler_site.shared.errors import DomainError

Verb = Callable[[Any], Any]
Row = TypeVar("Row", bound=Model)


class Pair:
    """Two threads that each do one thing a round, let go together. `results`: what each said in the last round."""

    def __init__(self, *verbs: Callable[[], Any]) -> None:
        self.results: list[Any] = [None, None]
        self._gate = threading.Barrier(3)
        self._is_over = False
        self._threads = [
            threading.Thread(target=self._run, args=(number, verb), daemon=True) for number, verb in enumerate(verbs)
        ]
        for thread in self._threads:
            thread.start()

    def once(self) -> tuple[str, str]:
        self._gate.wait(60)
        self._gate.wait(60)
        faults = [result for result in self.results if isinstance(result, Exception)]
        if faults:
            raise faults[0]
        return tuple(self.results)  # type: ignore[return-value]

    def end(self) -> None:
        self._is_over = True
        self._gate.wait(60)
        for thread in self._threads:
            thread.join(60)

    def _run(self, number: int, verb: Callable[[], Any]) -> None:
        try:
            while True:
                self._gate.wait(60)
                if self._is_over:
                    return
                self.results[number] = self._said_by(verb)
                self._gate.wait(60)
        finally:
            connection.close()

    def _said_by(self, verb: Callable[[], Any]) -> Any:
        return said_by(verb)


def said_by(verb: Callable[..., Any], *about: Any) -> Any:
    try:
        verb(*about)
    except DomainError:
        return "refused"
    except Exception as fault:  # noqa: BLE001 - the test shows it
        return fault
    return "done"


def for_each(targets: Sequence[Any], first: Verb, second: Verb) -> list[tuple[Any, Any]]:
    """What both verbs said of each target: two threads that meet before each one, and nobody else in between."""
    gate = threading.Barrier(2)
    said: tuple[list[Any], list[Any]] = ([], [])

    def run(verb: Verb, results: list[Any]) -> None:
        try:
            forget_power_cuts()
            for target in targets:
                gate.wait(60)
                results.append(said_by(verb, target))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in zip((first, second), said, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(zip(*said, strict=True))


def copy_of(row: Row, **changes: Any) -> Row:
    """As a new row, not saved."""
    fields = [field.name for field in row._meta.concrete_fields if not field.primary_key]
    return type(row)(**{**{name: getattr(row, name) for name in fields}, **changes})


def forget_power_cuts() -> None:
    """The locks are as ever; only the disk is not waited for at each commit of this connection."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=OFF")


@contextmanager
def pair(*verbs: Callable[[], Any]) -> Iterator[Pair]:
    both = Pair(*verbs)
    try:
        yield both
    finally:
        both.end()


@contextmanager
def queries() -> Iterator[list[str]]:
    found: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        found.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        yield found
