"""Output by byte offset: what is stored and never more, byte for byte, safe to open in a browser."""

import os
from pathlib import Path
from typing import Any

import pytest

from tasks.api import logs as log_views
from tasks.models import SubAgent, Task
from tasks.output.logs import path_of
from tasks.states import LogState
from tests.factories import make_output_log, make_sub_agent, make_task
from tests.rest import rest

pytestmark = pytest.mark.django_db

BYTES = bytes(range(256)) * 4 + b"no newline \xff\xfe<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.TASK_LOG_DIR = tmp_path


def printed(data: bytes, *, stored: int | None = None, stream: str = "out", sub_agent: Any = None) -> Task:
    """A running task that has written `data`, of which `stored` bytes count."""
    sub_agent = sub_agent or make_sub_agent()
    path = path_of(sub_agent, stream)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    make_output_log(sub_agent, stream=stream, stored_bytes=len(data) if stored is None else stored)
    task: Task = sub_agent.task
    return task


def get(task: Task, byte_range: str = "", query: str = "", method: str = "get") -> Any:
    headers = {"HTTP_RANGE": byte_range} if byte_range else {}
    return getattr(rest(), method)(f"/api/tasks/{task.pk}/log{query}", **headers)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_the_whole_byte_for_byte() -> None:
    response = get(printed(BYTES))
    assert (response.status_code, body(response)) == (200, BYTES)
    assert response["Content-Length"] == str(len(BYTES))


def test_headers_keep_browsers_from_believing_it() -> None:
    response = get(printed(BYTES))
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("sandbox")
    assert response["Cache-Control"] == "no-store"
    assert response["Accept-Ranges"] == "bytes"
    assert (response["X-Log-State"], response["X-Task-Status"], response["X-Attempt-No"]) == ("open", "running", "1")


@pytest.mark.parametrize(
    ("byte_range", "start", "stop"),
    [
        ("bytes=10-", 10, None),
        ("bytes=10-19", 10, 20),
        ("bytes=-5", len(BYTES) - 5, None),
        ("bytes=1000-99999", 1000, None),
    ],
)
def test_ranges(byte_range: str, start: int, stop: int | None) -> None:
    response = get(printed(BYTES), byte_range)
    wanted = BYTES[start:stop]
    assert (response.status_code, body(response)) == (206, wanted)
    assert response["Content-Range"] == f"bytes {start}-{start + len(wanted) - 1}/{len(BYTES)}"
    assert response["Content-Length"] == str(len(wanted))


@pytest.mark.parametrize("byte_range", [f"bytes={len(BYTES)}-", "bytes=999999-1000000", "bytes=-0"])
def test_beyond_the_end(byte_range: str) -> None:
    response = get(printed(BYTES), byte_range)
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{len(BYTES)}"
    assert (response["X-Log-State"], response["X-Task-Status"]) == ("open", "running")
    assert response.json()["code"] == "no_bytes"


@pytest.mark.parametrize("byte_range", ["bytes=0-1,5-6", "bytes=9-2", "lines=1-2"])
def test_other_ranges_give_the_whole(byte_range: str) -> None:
    response = get(printed(BYTES), byte_range)
    assert (response.status_code, body(response)) == (200, BYTES)


def test_if_range_gives_the_whole() -> None:
    response = rest().get(f"/api/tasks/{printed(BYTES).pk}/log", HTTP_RANGE="bytes=5-6", HTTP_IF_RANGE='"x"')
    assert (response.status_code, body(response)) == (200, BYTES)


def test_never_past_what_is_stored() -> None:
    task = printed(BYTES, stored=100)
    assert body(get(task)) == BYTES[:100]
    assert body(get(task, "bytes=90-500")) == BYTES[90:100]
    assert get(task, "bytes=100-").status_code == 416


def test_a_file_shorter_than_its_row() -> None:
    task = printed(b"abc", stored=10)
    assert body(get(task)) == b"abc"
    assert get(task, "bytes=1-")["Content-Range"] == "bytes 1-2/3"


def test_large_output_is_streamed_whole_and_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_views, "AT_ONCE_BYTES", 1000)
    monkeypatch.setattr(log_views, "OPEN_RANGE_BYTES", 5000)
    data = os.urandom(300_000)
    task = printed(data)
    whole = get(task)
    assert whole.streaming
    pieces = list(whole.streaming_content)
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= 65536
    part = get(task, "bytes=7-")
    assert body(part) == data[7:5007]
    assert part["Content-Range"] == "bytes 7-5006/300000"
    assert body(get(task, "bytes=7-299999")) == data[7:]


def test_head_says_how_much_there_is() -> None:
    task = printed(BYTES)
    whole, part = get(task, method="head"), get(task, "bytes=-10", method="head")
    assert (whole.status_code, whole.content, whole["Content-Length"]) == (200, b"", str(len(BYTES)))
    assert (part.status_code, part.content, part["Content-Length"]) == (206, b"", "10")


def test_download_names_the_file() -> None:
    task = printed(BYTES)
    response = rest().get(f"/api/tasks/{task.pk}/log/download")
    assert response["Content-Disposition"] == f'attachment; filename="task-{task.pk}-1.log"'
    assert body(response) == BYTES


def test_streams_and_attempts() -> None:
    task = make_task()
    printed(b"first", sub_agent=make_sub_agent(task, state="failed"))
    latest = make_sub_agent(task)
    printed(b"second", sub_agent=latest)
    printed(b"errors", sub_agent=latest, stream="err")
    assert body(get(task)) == b"second"
    first = get(task, query="?attempt_no=1")
    assert (body(first), first["X-Attempt-No"]) == (b"first", "1")
    assert body(get(task, query="?stream=err")) == b"errors"
    named = rest().get(f"/api/tasks/{task.pk}/log/download?stream=err&attempt_no=2")
    assert f"task-{task.pk}-2.err.log" in named["Content-Disposition"]


def state_of(task: Task, query: str = "") -> tuple[int, str, str]:
    response = get(task, query=query)
    assert body(response) == b""
    return response.status_code, response["X-Log-State"], response["X-Attempt-No"]


def test_before_the_first_byte_there_is_nothing_and_more_to_come() -> None:
    assert state_of(make_task()) == (200, "open", "0")
    assert state_of(make_task("running")) == (200, "open", "1")
    assert get(make_task(), "bytes=0-").status_code == 416


def test_a_task_that_ended_without_output_has_all_of_it() -> None:
    assert state_of(make_task("canceled")) == (200, "complete", "0")
    assert state_of(make_task("failed")) == (200, "complete", "1")


def test_a_silent_earlier_attempt_is_complete() -> None:
    task = make_task()
    make_sub_agent(task, state="failed")
    make_sub_agent(task)
    assert state_of(task, "?attempt_no=1") == (200, "complete", "1")


def test_states_of_the_log_are_told() -> None:
    task = printed(BYTES)
    task_logs = SubAgent.objects.get(task=task).logs
    for state in LogState.values:
        task_logs.update(state=state)
        assert get(task)["X-Log-State"] == state


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?attempt_no=7", 404),
        ("?attempt_no=0", 400),
        ("?attempt_no=x", 400),
        ("?stream=../../x", 400),
        ("?offset=5", 400),
    ],
)
def test_wrong_queries(query: str, status: int) -> None:
    assert get(printed(BYTES), query=query).status_code == status


def test_unknown_tasks() -> None:
    response = rest().get("/api/tasks/999999/log")
    assert response.status_code == 404
    assert response.json()["detail"] == "There is no task 999999."


@pytest.mark.parametrize("accept", ["text/plain", "text/html", "application/json", "image/png", "*/*"])
def test_whatever_the_asker_accepts(accept: str) -> None:
    response = rest().get(f"/api/tasks/{printed(BYTES).pk}/log", HTTP_ACCEPT=accept)
    assert (response.status_code, body(response)) == (200, BYTES)


def test_each_rank_of_a_gang_has_its_own() -> None:
    task = printed(b"zero", sub_agent=make_sub_agent(make_task(node_count=3)))
    for rank, data in ((1, b"one"), (2, b"two")):
        printed(data, sub_agent=make_sub_agent(task, attempt_no=1, rank=rank))
    assert [body(get(task, query=f"?rank={rank}")) for rank in range(3)] == [b"zero", b"one", b"two"]
    assert body(get(task)) == b"zero"
    download = rest().get(f"/api/tasks/{task.pk}/log/download?rank=2")
    assert download["Content-Disposition"].endswith(f'"task-{task.pk}-1.rank-2.log"')


def test_a_rank_that_there_is_not() -> None:
    task = make_sub_agent().task
    assert get(task, query="?rank=1").json()["detail"] == f"Task {task.pk} has no rank 1; it runs on 1 host."
    assert get(task, query="?rank=1").status_code == 404
    for bad in ("-1", "x", "1.5", "1e30"):
        response = get(task, query=f"?rank={bad}")
        assert (response.status_code, list(response.json())) == (400, ["rank"])


def test_a_gang_that_is_placed_has_printed_nothing_yet() -> None:
    assert body(get(make_task(node_count=2), query="?rank=1")) == b""
