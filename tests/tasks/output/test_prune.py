"""Output of tasks that ended long ago goes, and nothing else; readers are told."""

import zlib
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tasks.models import OutputLog, SubAgent
from tasks.output import log_files, logs
from tasks.output.prune import prune
from tasks.states import LogState
from tests.factories import make_sub_agent, make_task

pytestmark = [pytest.mark.django_db, pytest.mark.matrix(74)]
NOW = timezone.now()


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    settings.TASK_LOG_DIR = tmp_path


def printed(days_ago: float | None, status: str = "completed", state: str = LogState.COMPLETE) -> SubAgent:
    """A task that wrote 3 bytes and ended so long ago; None: it runs."""
    ended_at = None if days_ago is None else NOW - timedelta(days=days_ago)
    is_live = days_ago is None
    sub_agent = make_sub_agent() if is_live else _ended(status, ended_at)
    logs.append(sub_agent, "out", 0, b"abc", zlib.crc32(b"abc"))
    OutputLog.objects.filter(sub_agent=sub_agent).update(state=LogState.OPEN if is_live else state)
    return sub_agent


def _ended(status: str, ended_at: Any) -> SubAgent:
    task = make_task(status=status, end_time=ended_at)
    return make_sub_agent(task=task, state="succeeded", ended_at=ended_at)


def path(sub_agent: SubAgent) -> Path:
    return log_files.path_of(sub_agent, "out")


def state(sub_agent: SubAgent) -> str:
    return logs.row_of(sub_agent, "out").state


def test_only_settled_output_of_tasks_that_ended_before_goes() -> None:
    old, recent, running = printed(10), printed(3), printed(None)
    arriving = printed(10, state=LogState.DRAINING)
    assert prune(NOW - timedelta(days=5)).logs == 1
    assert (state(old), path(old).exists(), path(old).parent.exists()) == (LogState.PRUNED, False, False)
    assert all(path(kept).exists() for kept in (recent, running, arriving))
    assert state(running) == LogState.OPEN


def test_a_reader_who_had_begun_gets_all_and_one_who_comes_later_none() -> None:
    old = printed(10)
    found = logs.find(old.task)
    assert found is not None
    reading = logs.read(found, 0, 3, block=1)
    late = logs.read(found, 0, 3)
    assert next(reading) == b"a"
    prune(NOW)
    assert b"".join(reading) == b"bc"
    with pytest.raises(logs.Dropped):
        next(late)


def test_a_crash_between_row_and_file_is_made_good_by_the_next_run() -> None:
    old = printed(10, state=LogState.PRUNED)
    assert path(old).exists()
    assert prune(NOW).logs == 0
    assert not path(old).exists()


def test_late_output_does_not_bring_it_back() -> None:
    old = printed(10, state=LogState.INCOMPLETE)
    prune(NOW)
    logs.append(old, "out", 3, b"def", zlib.crc32(b"def"))
    assert (state(old), path(old).exists()) == (LogState.PRUNED, False)


def test_the_command_says_what_it_does() -> None:
    old = printed(10)
    out = StringIO()
    call_command("prune_output", "--days", "5", "--dry-run", stdout=out)
    assert path(old).exists()
    call_command("prune_output", "--days", "5", stdout=out)
    assert not path(old).exists()
    assert out.getvalue().splitlines()[0].startswith("1 outputs would be removed")
    with pytest.raises(CommandError, match="--days must be 1 or more"):
        call_command("prune_output", "--days", "0")
