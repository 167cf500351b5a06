"""Reading an output of which bytes were dropped: true bytes at true positions, and where something is missing."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.models import OutputLog, Task
from tasks.states import LogState
from tests.rest import rest
from tests.tasks.api.test_logs import _own_folder, body, get, printed

pytestmark = pytest.mark.django_db
__all__ = ["_own_folder"]

WRITTEN = b"0123456789" * 3


@pytest.fixture
def task() -> Task:
    """Written: 30 bytes; not kept: 5 to 10, 12 to 20, 28 to 30."""
    printed_task = printed(WRITTEN[:28], stored=30)
    OutputLog.objects.update(gaps=[[5, 10, "cap"], [12, 20, "spool_full"], [28, 30, "spool_lost"]])
    return printed_task


def test_the_whole_is_what_is_kept(task: Task) -> None:
    response = get(task)
    assert (response.status_code, body(response)) == (200, WRITTEN[:5] + WRITTEN[10:12] + WRITTEN[20:28])
    assert (response["Content-Length"], response["X-Log-Size"]) == ("15", "30")
    assert response["X-Log-Gaps"] == "5-10;cap, 12-20;spool_full, 28-30;spool_lost"


@pytest.mark.parametrize(
    ("byte_range", "sent", "skipped"),
    [
        ("bytes=0-", (0, 5), None),
        ("bytes=3-22", (3, 5), None),
        ("bytes=5-", (10, 12), "5-10;cap"),
        ("bytes=7-", (10, 12), "5-10;cap"),
        ("bytes=7-11", (10, 12), "5-10;cap"),
        ("bytes=12-25", (20, 26), "12-20;spool_full"),
        ("bytes=21-", (21, 28), None),
        ("bytes=-4", (26, 28), None),
    ],
)
def test_an_answer_begins_behind_a_gap_and_ends_before_one(
    task: Task, byte_range: str, sent: tuple[int, int], skipped: str | None
) -> None:
    response = get(task, byte_range)
    assert (response.status_code, body(response)) == (206, WRITTEN[sent[0] : sent[1]])
    assert response["Content-Range"] == f"bytes {sent[0]}-{sent[1] - 1}/30"
    assert response.get("X-Log-Gaps") == skipped


@pytest.mark.parametrize(("byte_range", "told"), [("bytes=28-", "28-30;spool_lost"), ("bytes=6-8", "5-10;cap")])
def test_a_range_of_which_nothing_is_kept(task: Task, byte_range: str, told: str) -> None:
    response = get(task, byte_range)
    assert (response.status_code, response["Content-Range"]) == (416, "bytes */30")
    assert told in response["X-Log-Gaps"]


def test_behind_the_end_no_gap_is_told_of(task: Task) -> None:
    response = get(task, "bytes=30-")
    assert response.status_code == 416
    assert "X-Log-Gaps" not in response


def test_head_tells_how_much_was_written(task: Task) -> None:
    response = get(task, method="head")
    assert (response["X-Log-Size"], response.content) == ("30", b"")


def test_the_task_tells_every_gap(task: Task) -> None:
    reply: Any = rest().get(f"/api/tasks/{task.pk}/sub-agents/")
    (log,) = reply.json()["results"][0]["logs"]
    assert log["gaps"][0] == {"start": 5, "stop": 10, "reason": "cap"}
    assert len(log["gaps"]) == 3


@pytest.mark.matrix(74)
def test_pruned_output_is_gone_with_a_sentence(task: Task) -> None:
    why = "by policy: older than 90 days"
    OutputLog.objects.update(state=LogState.PRUNED, pruned_at=datetime(2026, 11, 26, tzinfo=UTC), pruned_because=why)
    for byte_range in ("", "bytes=0-", "bytes=50-"):
        response = get(task, byte_range)
        assert (response.status_code, response.json()["code"]) == (410, "pruned")
        assert f"was removed on 2026-11-26 {why}; it had 30 bytes" in response.json()["detail"]
        assert response["X-Log-Removal"] == f"removed on 2026-11-26 {why}"
