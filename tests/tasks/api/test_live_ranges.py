"""A range of output for a socket: the bytes that the HTTP call gives, or the word that it has to be asked."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tasks.api import live_ranges
from tasks.api.live_ranges import PIECE_BYTES, Ranges, Unreadable, parse
from tasks.models import OutputLog, SubAgent, Task
from tasks.output.logs import path_of
from tasks.states import LogState
from tests.factories import make_output_log, make_sub_agent, make_task
from tests.rest import rest

pytestmark = pytest.mark.django_db

BYTES = bytes(range(256)) * 4 + b"\n\n{\xff"


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.TASK_LOG_DIR = tmp_path


@pytest.fixture
def sub_agent() -> SubAgent:
    return make_sub_agent()


def printed(sub_agent: SubAgent, data: bytes, stream: str = "out", **columns: Any) -> Task:
    path = path_of(sub_agent, stream)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    row = make_output_log(sub_agent, stream=stream, stored_bytes=len(data))
    OutputLog.objects.filter(pk=row.pk).update(**columns or {"stored_bytes": len(data)})
    task: Task = sub_agent.task
    return task


def asked(task: Task, start: int = 0, **more: Any) -> Any:
    return parse({"request": 7, "task": task.pk, "attempt_no": 1, "start": start, **more})


def read(ranges: Ranges, wanted: Any) -> tuple[dict[str, Any], bytes]:
    head, _, data = ranges.message(wanted).partition(b"\n")
    return json.loads(head), data


def refused(ranges: Ranges, wanted: Any) -> str:
    with pytest.raises(Unreadable) as refusal:
        ranges.message(wanted)
    return refusal.value.code


def test_bytes_come_behind_a_line_that_says_which(sub_agent: SubAgent) -> None:
    task = printed(sub_agent, BYTES)
    head, data = read(Ranges(), asked(task, 10, stop=20))
    assert head == {"request": 7, "start": 10, "size": len(BYTES), "state": "open", "gaps": []}
    assert data == BYTES[10:20]
    assert read(Ranges(), asked(task, 1000))[1] == BYTES[1000:]
    assert read(Ranges(), asked(task, 1000, stop=10**12))[1] == BYTES[1000:]


def test_what_http_gives(sub_agent: SubAgent) -> None:
    task = printed(sub_agent, BYTES, gaps=[[100, 200, "cap"], [300, len(BYTES), "cap"]])
    for start in (0, 99, 100, 150, 200, 299):
        response = rest().get(f"/api/tasks/{task.pk}/log", HTTP_RANGE=f"bytes={start}-")
        head, data = read(Ranges(), asked(task, start))
        assert data == response.content
        assert response["Content-Range"].startswith(f"bytes {head['start']}-")
        assert response.get("X-Log-Gaps", "") == ", ".join(f"{a}-{b};{why}" for a, b, why in head["gaps"])


def test_one_message_is_bounded_whatever_is_asked(sub_agent: SubAgent) -> None:
    task = printed(sub_agent, b"x" * (PIECE_BYTES + 10))
    assert len(read(Ranges(), asked(task))[1]) == PIECE_BYTES
    assert len(read(Ranges(), asked(task, stop=PIECE_BYTES + 10))[1]) == PIECE_BYTES


def test_where_only_a_gap_is_left_it_is_told_with_no_bytes(sub_agent: SubAgent) -> None:
    task = printed(sub_agent, b"1234", stored_bytes=9, gaps=[[4, 9, "spool_full"]])
    head, data = read(Ranges(), asked(task, 4))
    assert (head["start"], head["size"], head["gaps"], data) == (9, 9, [[4, 9, "spool_full"]], b"")


def test_streams_and_ranks_are_kept_apart(sub_agent: SubAgent) -> None:
    task = printed(sub_agent, b"said")
    printed(sub_agent, b"complained", "err")
    ranges = Ranges()
    assert read(ranges, asked(task))[1] == b"said"
    assert read(ranges, asked(task, stream="err"))[1] == b"complained"
    assert read(ranges, asked(task, stream="out"))[1] == b"said"
    assert refused(ranges, asked(task, rank=1)) == "not_found"


def test_who_follows_costs_one_statement_and_sees_what_comes(
    sub_agent: SubAgent, django_assert_num_queries: Any
) -> None:
    task = printed(sub_agent, b"first")
    ranges = Ranges()
    assert read(ranges, asked(task))[1] == b"first"
    path_of(sub_agent, "out").write_bytes(b"first, second")
    OutputLog.objects.update(stored_bytes=13, state=LogState.DRAINING)
    with django_assert_num_queries(1):
        head, data = read(ranges, asked(task, 5))
    assert (head["state"], data) == ("draining", b", second")


def test_a_stream_that_starts_over_gives_no_bytes_of_before(sub_agent: SubAgent) -> None:
    task = printed(sub_agent, b"damaged on the way")
    ranges = Ranges()
    read(ranges, asked(task))
    OutputLog.objects.update(stored_bytes=0, restarts=1)
    assert refused(ranges, asked(task, 8)) == "no_bytes"
    path_of(sub_agent, "out").write_bytes(b"whole on the way")
    OutputLog.objects.update(stored_bytes=5)
    assert refused(ranges, asked(task, 8)) == "no_bytes"
    assert read(ranges, asked(task, 0))[1] == b"whole"


def test_output_that_was_removed_meanwhile_is_refused(sub_agent: SubAgent) -> None:
    task = printed(sub_agent, b"old")
    ranges = Ranges()
    read(ranges, asked(task))
    OutputLog.objects.update(state=LogState.PRUNED, pruned_at=timezone.now(), pruned_because="by hand")
    assert refused(ranges, asked(task)) == "pruned"
    OutputLog.objects.all().delete()
    assert refused(ranges, asked(task)) == "no_bytes"


def test_bytes_dropped_meanwhile_are_not_sent_as_zeros(sub_agent: SubAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    task = printed(sub_agent, b"\0" * 9, gaps=[[0, 2, "cap"]])
    found = live_ranges.logs.again

    def dropped_after_it_was_found(known: Any) -> Any:
        stored = found(known)
        OutputLog.objects.update(gaps=[[0, 7, "cap"]])
        return stored

    ranges = Ranges()
    read(ranges, asked(task, 2))
    monkeypatch.setattr(live_ranges.logs, "again", dropped_after_it_was_found)
    assert refused(ranges, asked(task, 2)) == "dropped"


def test_a_file_that_this_process_does_not_have_is_left_to_http(sub_agent: SubAgent) -> None:
    task = printed(sub_agent, b"elsewhere")
    path_of(sub_agent, "out").unlink()
    assert refused(Ranges(), asked(task)) == "no_bytes"


def test_a_new_attempt_is_another_output() -> None:
    first = make_sub_agent()
    task = printed(first, b"first attempt")
    ranges = Ranges()
    read(ranges, asked(task))
    assert refused(ranges, asked(task, attempt_no=2)) == "not_found"
    SubAgent.objects.update(state="lost", ended_at=timezone.now())
    second = make_sub_agent(task=task, attempt_no=2)
    assert refused(ranges, asked(task, attempt_no=2)) == "no_bytes"
    printed(second, b"second")
    assert read(ranges, asked(task, attempt_no=2))[1] == b"second"
    assert read(ranges, asked(task))[1] == b"first attempt"


def test_what_does_not_exist_is_refused() -> None:
    assert refused(Ranges(), asked(Task(pk=4000))) == "not_found"
    assert refused(Ranges(), asked(make_task())) == "not_found"


GOOD = {"request": 1, "task": 1, "attempt_no": 1, "start": 0}


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        "x",
        {},
        {**GOOD, "start": -1},
        {**GOOD, "start": 2**63},
        {**GOOD, "start": "0"},
        {**GOOD, "start": True},
        {**GOOD, "stop": -1},
        {**GOOD, "start": 20, "stop": 20},
        {**GOOD, "task": 0},
        {**GOOD, "attempt_no": None},
        {**GOOD, "stream": "../out"},
        {**GOOD, "rank": -1},
        {**GOOD, "request": {}},
        {**GOOD, "path": "/etc/passwd"},
    ],
)
def test_damaged_questions_are_refused(wrong: Any) -> None:
    with pytest.raises(Unreadable) as refusal:
        parse(wrong)
    assert refusal.value.code == "invalid"
