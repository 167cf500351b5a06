"""Output of tasks that ended long ago goes, and nothing else; readers are told. Killed anywhere, it goes on."""

import threading
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from scheduler_site.models import AdministrativeEvent
from scheduler_site.shared import failpoints
from scheduler_site.shared.failpoints import Failpoint
from tasks.models import Allocation, OutputLog, SubAgent
from tasks.output import log_files, logs
from tasks.output import prune as pruning
from tasks.output.prune import prune
from tasks.states import LogState
from tests.factories import make_sub_agent, make_task
from tests.tasks.retention.rows import ended, state_of

pytestmark = [pytest.mark.django_db, pytest.mark.matrix(74)]


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.TASK_LOG_DIR = tmp_path
    yield
    failpoints.configure("")


def days_ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


def path(sub_agent: SubAgent) -> Path:
    return log_files.path_of(sub_agent, "out")


def row(sub_agent: SubAgent) -> OutputLog:
    return OutputLog.objects.get(sub_agent=sub_agent)


def write_late(sub_agent: SubAgent) -> None:
    logs.append(sub_agent, "out", 3, b"def", zlib.crc32(b"def"))


def test_only_settled_output_of_tasks_that_ended_before_goes() -> None:
    old, recent, arriving = ended(10), ended(3), ended(10, state=LogState.DRAINING)
    running = make_sub_agent()
    logs.append(running, "out", 0, b"abc", zlib.crc32(b"abc"))
    assert prune(days_ago(5)).logs == 1
    assert (state_of(old), path(old).exists(), path(old).parent.exists()) == (LogState.PRUNED, False, False)
    assert all(path(kept).exists() for kept in (recent, running, arriving))
    assert state_of(running) == LogState.OPEN


def test_output_of_a_task_that_others_wait_for_stays() -> None:
    first, second = ended(10), ended(10)
    make_task("waiting", depends_on=[first.task])
    make_task("completed", depends_on=[second.task])
    prune(days_ago(5))
    assert (state_of(first), state_of(second)) == (LogState.COMPLETE, LogState.PRUNED)


def test_output_of_what_may_still_run_stays() -> None:
    """A host was lost long ago, and nobody knows whether its script has ended."""
    lost = ended(10, state=LogState.INCOMPLETE)
    Allocation.objects.filter(sub_agent=lost).update(released_at=None, kept="host_lost")
    prune(days_ago(5))
    assert state_of(lost) == LogState.INCOMPLETE


def test_an_early_attempt_of_a_task_that_ended_late_stays() -> None:
    late = ended(10)
    type(late.task).objects.filter(pk=late.task_id).update(end_time=days_ago(1))
    prune(days_ago(5))
    assert state_of(late) == LogState.COMPLETE


def test_a_long_attempt_hides_none_of_those_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of their rows, which is that of the first byte, one that ended lately may stand between others."""
    monkeypatch.setattr(pruning, "BATCH", 2)
    rows = [ended(days) for days in (20, 1, 1, 1, 19, 18)]
    SubAgent.objects.filter(pk__in=[one.pk for one in rows]).update(created_time=days_ago(30))
    assert prune(days_ago(5)).logs == 3
    assert [state_of(one) == LogState.PRUNED for one in rows] == [True, False, False, False, True, True]


def test_it_does_not_look_at_what_began_after_the_moment() -> None:
    old = ended(10)
    for _ in range(3):
        ended(1)
    assert pruning.next_ids(0, days_ago(5)) == [row(old).pk]


def test_a_reader_who_had_begun_gets_all_and_one_who_comes_later_none() -> None:
    old = ended(10)
    found = logs.find(old.task)
    assert found is not None
    reading = logs.read(found, 0, 3, block=1)
    late = logs.read(found, 0, 3)
    assert next(reading) == b"a"
    prune(days_ago(5))
    assert b"".join(reading) == b"bc"
    with pytest.raises(logs.Dropped):
        next(late)


def test_a_crash_between_row_and_file_is_made_good_by_a_later_run() -> None:
    old = ended(10)
    failpoints.configure("prune.before_files=raise@1")
    with pytest.raises(Failpoint):
        prune(days_ago(5))
    assert (state_of(old), path(old).exists()) == (LogState.PRUNED, True)
    assert prune(days_ago(5)).logs == 0
    assert path(old).exists()  # not before nobody can be writing it any more
    OutputLog.objects.update(pruned_at=pruning.strays_of() - timedelta(seconds=1))
    prune(days_ago(5))
    assert (path(old).exists(), row(old).is_file_left) == (False, False)


def test_late_output_does_not_bring_it_back() -> None:
    old = ended(10, state=LogState.INCOMPLETE)
    prune(days_ago(5))
    write_late(old)
    assert (state_of(old), path(old).exists()) == (LogState.PRUNED, False)


def test_what_is_written_in_the_very_moment_is_removed_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request has seen the output open, which is pruned before it writes."""
    old = ended(10, state=LogState.INCOMPLETE)
    write = log_files.write_at

    def pruned_before(*arguments: Any) -> None:
        prune(days_ago(5))
        write(*arguments)

    monkeypatch.setattr(log_files, "write_at", pruned_before)
    write_late(old)
    assert (state_of(old), row(old).stored_bytes, path(old).exists()) == (LogState.PRUNED, 3, True)
    OutputLog.objects.update(pruned_at=pruning.strays_of() - timedelta(seconds=1))
    assert pruning.remove_strays(pruning.strays_of()) == 1
    assert not path(old).exists()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_and_a_writer() -> None:
    """By hand beside the policy while a host still sends: each output is counted once, and no row says more than is
    true."""
    rows = [ended(10, state=LogState.INCOMPLETE) for _ in range(5)]
    found: list[int] = []

    def by_hand() -> None:
        found.append(prune(days_ago(5)).logs)
        connection.close()

    def late() -> None:
        for one in rows:
            write_late(one)
        connection.close()

    threads = [threading.Thread(target=target) for target in (by_hand, late, by_hand)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(found) == 5
    assert {state_of(one) for one in rows} == {LogState.PRUNED}
    OutputLog.objects.update(pruned_at=pruning.strays_of() - timedelta(seconds=1))
    pruning.remove_strays(pruning.strays_of())
    assert not any(path(one).exists() for one in rows)


def test_it_is_explained_and_recorded() -> None:
    old = ended(10)
    prune(days_ago(5), "by hand: --days 5")
    found = logs.find(old.task)
    assert found is not None
    assert found.removal == f"removed on {timezone.now():%Y-%m-%d} by hand: --days 5"
    event = AdministrativeEvent.objects.get(verb="pruned")
    assert (event.subject, event.reason) == ("output", "by hand: --days 5")
    assert event.detail == {"outputs": 1, "bytes": event.detail["bytes"], "tasks": [old.task_id, old.task_id]}


def test_the_command_says_what_it_does() -> None:
    old = ended(10)
    out = StringIO()
    call_command("prune_output", "--days", "5", "--dry-run", stdout=out)
    assert path(old).exists()
    call_command("prune_output", "--days", "5", stdout=out)
    assert not path(old).exists()
    assert out.getvalue().splitlines()[0].startswith("1 outputs would be removed")
    with pytest.raises(CommandError, match="--days must be 1 or more"):
        call_command("prune_output", "--days", "0")
