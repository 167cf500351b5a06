"""Ask all questions of one moment of a live database. Reads only, and keeps no writer waiting."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from tasks.invariants import attempts, cancels, capacity, dependencies, output, results, transitions
from tasks.invariants.violation import Violation

CHECKS: tuple[Callable[[], Iterable[Violation]], ...] = (
    attempts.one_live_attempt,
    attempts.fence_iff_live,
    attempts.running_iff_started,
    attempts.numbered_without_holes,
    attempts.ranks_without_holes,
    attempts.fences_rise,
    attempts.executed_as_often_as_allowed,
    capacity.hosts_hold_what_they_have,
    capacity.reservations_hold_what_they_have,
    capacity.whole_hosts_are_alone,
    capacity.cards_are_held_once,
    capacity.cards_are_of_the_host,
    capacity.counted_resources_suffice,
    capacity.released_when_over,
    results.ended_once,
    results.result_is_its_attempts,
    transitions.tasks_go_along_edges,
    transitions.reservations_go_along_edges,
    transitions.hosts_stand_as_told,
    transitions.sub_agents_have_their_rows,
    cancels.no_claim_after_cancel,
    cancels.no_claim_while_out_of_service,
    dependencies.placed_after_its_dependencies,
    dependencies.marked_as_they_are,
    output.marks_are_in_order,
    output.gaps_are_in_order,
    output.files_hold_what_rows_say,
)


def check(*, with_digests: bool = False) -> list[Violation]:
    """Everything that is wrong, in the order of CHECKS; empty for a healthy database."""
    checks = (*CHECKS, output.digests_are_right) if with_digests else CHECKS
    with one_moment():
        return [violation for ask in checks for violation in ask()]


@contextmanager
def one_moment() -> Iterator[None]:
    """A snapshot. Not atomic() on SQLite: that would lock out writers (transaction_mode IMMEDIATE)."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with _sqlite_snapshot():
            yield
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


@contextmanager
def _sqlite_snapshot() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")
