"""By policy output goes when it is too old, or the oldest of it when there is too much; never lately ended tasks'."""

from pathlib import Path
from typing import Any

import pytest

from tasks.models import OutputLog
from tasks.output import logs, prune
from tasks.retention import old_output
from tasks.retention.policy import Policy
from tasks.states import LogState
from tests.tasks.retention.rows import ended, state_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    settings.TASK_LOG_DIR = tmp_path


def sweep(**given: int) -> int:
    """How many batches it took."""
    keep = {"output_days": 0, "output_gib": 0, "task_days": 0, "key_days": 0}
    return len(list(old_output.batches(Policy(**{**keep, **given}))))


def reason(sub_agent: Any) -> str:
    return str(OutputLog.objects.get(sub_agent=sub_agent).pruned_because)


def test_what_is_too_old_goes() -> None:
    old, young = ended(91), ended(89)
    sweep(output_days=90)
    assert (state_of(old), state_of(young)) == (LogState.PRUNED, LogState.COMPLETE)
    assert reason(old) == "by policy: older than 90 days"


def test_without_limits_all_stays() -> None:
    old = ended(5000)
    assert sweep() == 0
    assert state_of(old) == LogState.COMPLETE


def test_of_too_much_the_oldest_goes_until_it_is_little_enough() -> None:
    rows = [ended(days) for days in (40, 30, 20)]
    OutputLog.objects.update(stored_bytes=1 << 30)
    sweep(output_gib=2)
    assert [state_of(row) == LogState.PRUNED for row in rows] == [True, False, False]
    assert reason(rows[0]) == "by policy: the oldest of more than 2 GiB"
    sweep(output_gib=2)
    assert state_of(rows[1]) == LogState.COMPLETE


def test_however_much_it_is_that_of_today_stays() -> None:
    older, today = ended(2), ended(0.5)
    OutputLog.objects.update(stored_bytes=5 << 30)
    sweep(output_gib=1)
    assert (state_of(today), state_of(older)) == (LogState.COMPLETE, LogState.PRUNED)


def test_output_does_not_outlive_its_task() -> None:
    old = ended(10)
    sweep(output_days=90, task_days=9)
    assert reason(old) == "by policy: older than 9 days"


def test_it_goes_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two of them others may write, and it may be killed."""
    monkeypatch.setattr(prune, "BATCH", 2)
    for _ in range(5):
        ended(10)
    batches = old_output.batches(Policy(5, 0, 0, 0))
    next(batches)
    assert OutputLog.objects.filter(state=LogState.PRUNED).count() == 2
    assert sweep(output_days=5) == 2  # another one goes on where the first stopped
    assert OutputLog.objects.filter(state=LogState.PRUNED).count() == 5


def test_the_row_of_pruned_output_stays_readable() -> None:
    old = ended(10)
    sweep(output_days=5)
    found = logs.find(old.task)
    assert found is not None
    assert (found.size, found.runs) == (3, [])
