"""The number by which hosts notice an older copy of the database: it never falls, in whatever order commits come."""

import threading

import pytest
from django.db import connection, transaction

from scheduler_site.shared.actors import SYSTEM
from tasks.commit_seq import commit_seq
from tasks.history import record
from tests.factories import make_task

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_rises_with_every_row_of_any_history() -> None:
    task = make_task()
    before = commit_seq()
    record(task.pk, "held", actor=SYSTEM)
    assert commit_seq() > before


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer: the order of ids is that of commits")
def test_a_lower_id_that_commits_later_does_not_lower_it() -> None:
    task = make_task()
    has_id, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                record(task.pk, "held", actor=SYSTEM)
                has_id.set()
                assert may_commit.wait(30)
        finally:
            connection.close()

    other = threading.Thread(target=slow)
    other.start()
    assert has_id.wait(30)
    record(task.pk, "released", actor=SYSTEM)
    told = commit_seq()
    may_commit.set()
    other.join(30)
    assert task.events.count() == 2
    assert commit_seq() == told


def test_what_is_rolled_back_was_never_told_to_others() -> None:
    """Its id is used up, and the number that others were told stays."""
    task = make_task()
    record(task.pk, "held", actor=SYSTEM)
    told = commit_seq()
    with transaction.atomic():
        record(task.pk, "released", actor=SYSTEM)
        transaction.set_rollback(True)
    assert commit_seq() == told
