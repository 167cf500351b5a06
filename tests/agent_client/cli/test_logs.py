"""nightshift logs: the right bytes, safely shown, followed through retries and restarts."""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_client.cli import log_following
from agent_client.cli.log_reading import last_lines_start
from tests.agent_client.cli.conftest import Nightshift, Started
from tests.agent_client.cli.fake_api import FakeApi
from tests.waiting import wait_until

BINARY = bytes(range(256)) * 40


@pytest.fixture
def ended(connected: FakeApi) -> FakeApi:
    connected.add_task(status="completed", attempt_no=1)
    return connected


def log_calls(api: FakeApi) -> int:
    return len(api.called("GET", "/api/tasks/1/log"))


def test_prints_the_log_without_control_characters(ended: FakeApi, nightshift: Nightshift) -> None:
    ended.add_log(1, b"one\n\x1b[31mred\x1b[0m\x07\n\x1b]0;evil\x07two\n", state="complete")
    assert nightshift("logs", "1") == (0, "one\nred\ntwo\n", "")


@pytest.mark.parametrize("piece_bytes", [7, 1000, 1 << 30])
def test_raw_is_every_stored_byte(ended: FakeApi, started: Started, piece_bytes: int) -> None:
    data = BINARY[:200] if piece_bytes == 7 else BINARY
    ended.log_piece_bytes = piece_bytes
    ended.add_log(1, data, state="complete")
    process = started("logs", "--raw", "1")
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == (data, b"", 0)


def test_raw_keeps_the_bytes_also_when_it_follows(connected: FakeApi, started: Started) -> None:
    connected.add_task(status="running", attempt_no=1)
    connected.add_log(1, BINARY[:100])
    process = started("logs", "--raw", "-f", "1")
    wait_until(lambda: log_calls(connected) >= 2, what="the second look")
    connected.add_log(1, BINARY[100:], state="complete")
    connected.change(1, status="completed")
    out, _ = process.communicate(timeout=60)
    assert out == BINARY


@pytest.mark.parametrize(
    ("lines", "shown"), [("0", ""), ("1", "c\n"), ("2", "b\nc\n"), ("3", "a\nb\nc\n"), ("9", "a\nb\nc\n")]
)
def test_last_lines(ended: FakeApi, nightshift: Nightshift, lines: str, shown: str) -> None:
    ended.add_log(1, b"a\nb\nc\n", state="complete")
    assert nightshift("logs", "-n", lines, "1").out == shown


def test_last_lines_of_a_long_log_look_back_far_enough(ended: FakeApi, nightshift: Nightshift) -> None:
    ended.add_log(1, b"first\n" + b"x" * 300_000 + b"\nlast\n", state="complete")
    assert nightshift("logs", "-n", "2", "1").out == "x" * 300_000 + "\nlast\n"
    assert nightshift("logs", "-n", "1", "1").out == "last\n"


@given(st.lists(st.binary(max_size=4).map(lambda line: line.replace(b"\n", b"")), max_size=6), st.integers(0, 8))
def test_last_lines_are_those_of_a_list(lines: list[bytes], wanted: int) -> None:
    data = b"".join(line + b"\n" for line in lines)
    tail = lines[len(lines) - min(wanted, len(lines)) :]
    assert data[last_lines_start(data, wanted) :] == b"".join(line + b"\n" for line in tail)


def test_an_empty_log_prints_nothing(ended: FakeApi, nightshift: Nightshift) -> None:
    ended.add_log(1, b"", state="complete")
    assert nightshift("logs", "1") == (0, "", "")
    assert nightshift("logs", "-n", "5", "1") == (0, "", "")
    assert nightshift("logs", "-f", "1") == (0, "", "")


def test_a_chosen_attempt_and_stream(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(status="completed", attempt_no=2)
    connected.add_log(1, b"first\n", attempt_no=1, state="complete")
    connected.add_log(1, b"second\n", attempt_no=2, state="complete")
    connected.add_log(1, b"errors\n", attempt_no=2, stream="err", state="complete")
    assert nightshift("logs", "1").out == "second\n"
    assert nightshift("logs", "1", "--attempt", "1").out == "first\n"
    assert nightshift("logs", "1", "--attempt", "1", "-f").out == "first\n"
    assert nightshift("logs", "1", "--stream", "err").out == "errors\n"
    missing = nightshift("logs", "1", "--attempt", "3")
    assert (missing.status, missing.err) == (
        1,
        "nightshift: --attempt: task 1 has no attempt 3; its latest attempt is 2\n",
    )


def test_a_task_that_waits_says_so(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(waiting_sentence="waits for a free GPU")
    result = nightshift("logs", "1")
    assert (result.status, result.out) == (0, "")
    assert "waits for a free GPU" in result.err


def test_json_lines_hold_offsets_and_whole_characters(ended: FakeApi, nightshift: Nightshift) -> None:
    text = "训练 🚀\x1b[31m\n"
    ended.log_piece_bytes = 5
    ended.add_log(1, text.encode(), state="complete")
    pieces = [json.loads(line) for line in nightshift("logs", "--json", "1").out.splitlines()]
    assert "".join(piece["text"] for piece in pieces) == text
    for piece in pieces:
        assert text.encode()[piece["offset"] :].startswith(piece["text"].encode())


def test_raw_and_json_exclude_each_other(ended: FakeApi, nightshift: Nightshift) -> None:
    assert nightshift("logs", "--raw", "--json", "1").status == 2


def test_follow_ends_with_the_task_and_shows_the_last_bytes(connected: FakeApi, started: Started) -> None:
    connected.add_task()
    process = started("logs", "-f", "1")
    wait_until(lambda: connected.called("GET", "/api/tasks/1/"), what="the first look")
    connected.change(1, status="running", attempt_no=1)
    connected.add_log(1, b"first\n")
    assert process.stdout is not None
    assert process.stdout.readline() == b"first\n"
    connected.add_log(1, b"", state="draining")
    connected.change(1, status="completed")
    calls = log_calls(connected)
    wait_until(lambda: log_calls(connected) > calls + 1, what="looks at a draining log")
    assert process.poll() is None
    connected.add_log(1, b"drained\n", state="complete")
    assert process.stdout.read() == b"drained\n"
    assert process.wait(timeout=20) == 0


def test_follow_goes_on_with_the_next_attempt(connected: FakeApi, started: Started) -> None:
    connected.add_task(status="waiting", attempt_no=1, retries=1)
    connected.add_log(1, b"try one\n", state="complete")
    process = started("logs", "-f", "1")
    assert process.stdout is not None
    assert process.stdout.readline() == b"try one\n"
    connected.change(1, status="completed", attempt_no=2)
    connected.add_log(1, b"try two\n", attempt_no=2, state="complete")
    out, err = process.communicate(timeout=20)
    assert out == b"try two\n"
    assert b"attempt 2 begins" in err
    assert process.returncode == 0


def test_follow_survives_a_restart_of_the_server(connected: FakeApi, started: Started) -> None:
    connected.add_task(status="running", attempt_no=1)
    connected.add_log(1, b"before\n")
    process = started("logs", "-f", "1")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b"before\n"
    connected.stop()
    assert b"trying again" in process.stderr.readline()
    connected.add_log(1, b"after\n", state="complete")
    connected.change(1, status="completed")
    connected.restart()
    out, err = process.communicate(timeout=30)
    assert out == b"after\n"
    assert err == b"nightshift: the server is back\n"
    assert process.returncode == 0


def test_follow_of_a_task_canceled_before_its_start_ends(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(status="canceled")
    assert nightshift("logs", "-f", "1").status == 0


def test_a_log_that_still_arrives_after_the_end_is_read_to_its_end(connected: FakeApi, started: Started) -> None:
    connected.add_task(status="completed", attempt_no=1)
    connected.add_log(1, b"most\n", state="draining")
    process = started("logs", "1")
    assert process.stdout is not None
    assert process.stdout.readline() == b"most\n"
    connected.add_log(1, b"rest\n", state="complete")
    assert process.stdout.read() == b"rest\n"
    assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("words", [("logs", "-f", "1"), ("logs", "1")])
def test_nobody_waits_for_ever_for_a_lost_host(
    connected: FakeApi, nightshift: Nightshift, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(log_following, "DRAIN_SECONDS", 0.0)
    monkeypatch.setattr(log_following, "SHORT_DRAIN_SECONDS", 0.0)
    connected.add_task(status="failed", attempt_no=1)
    connected.add_log(1, b"half\n", state="draining")
    result = nightshift(*words)
    assert (result.status, result.out) == (0, "half\n")
    assert "has not arrived" in result.err


@pytest.fixture
def endless(connected: FakeApi) -> Iterator[FakeApi]:
    """A task that writes on and on."""
    connected.add_task(status="running", attempt_no=1)
    connected.add_log(1, b"line\n" * 1000)
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.02):
            connected.add_log(1, b"line\n" * 1000)

    thread = threading.Thread(target=write)
    thread.start()
    yield connected
    stop.set()
    thread.join()


def test_broken_pipe_is_quiet(endless: FakeApi, started: Started) -> None:
    process = started("logs", "-f", "1")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=30) == 141
    assert process.stderr is not None
    assert process.stderr.read() == b""


def test_a_gone_reader_is_noticed_without_new_output(connected: FakeApi, started: Started) -> None:
    connected.add_task(status="running", attempt_no=1)
    connected.add_log(1, b"only line\n")
    process = started("logs", "-f", "1")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=30) == 141


def test_interrupt_is_quiet(endless: FakeApi, started: Started) -> None:
    process = started("logs", "-f", "1", stdout=subprocess.DEVNULL)
    wait_until(lambda: log_calls(endless) >= 2, what="following")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert process.stderr is not None
    assert process.stderr.read() == b""


def test_the_rank_goes_with_every_request(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(status="completed", attempt_no=1, node_count=2)
    connected.log_piece_bytes = 4
    connected.add_log(1, b"one\ntwo\n", state="complete")
    assert nightshift("logs", "--rank", "1", "-n", "1", "1").out == "two\n"
    assert {call.query.get("rank") for call in connected.called("GET", "/api/tasks/1/log")} == {"1"}
    nightshift("logs", "1")
    assert connected.called("GET", "/api/tasks/1/log")[-1].query.get("rank") is None


GAPS = [(4, 1004, "cap"), (1008, 1010, "spool_lost")]
WITH_GAPS = b"one\n" + b"?" * 1000 + b"two\n" + b"??"


def test_what_was_dropped_is_shown_in_its_place(ended: FakeApi, nightshift: Nightshift) -> None:
    ended.add_log(1, WITH_GAPS, state="complete").gaps += GAPS
    shown = (
        "one\n[… 1,000 bytes dropped: over the server's limit for output …]\n"
        "two\n[… 2 bytes dropped: lost on the host …]\n"
    )
    assert nightshift("logs", "1") == (0, shown, "")
    assert nightshift("logs", "-f", "1") == (0, shown, "")
    assert nightshift("logs", "-n", "1", "1").out == "two\n[… 2 bytes dropped: lost on the host …]\n"


def test_a_gap_in_the_middle_of_a_line_has_a_line_of_its_own(ended: FakeApi, nightshift: Nightshift) -> None:
    ended.add_log(1, b"ab??cd\n", state="complete").gaps.append((2, 4, "spool_full"))
    assert nightshift("logs", "1").out == "ab\n[… 2 bytes dropped: over the host's limit for output …]\ncd\n"


def test_raw_and_json_know_of_gaps_too(ended: FakeApi, nightshift: Nightshift) -> None:
    ended.add_log(1, WITH_GAPS, state="complete").gaps += GAPS
    rows = [json.loads(line) for line in nightshift("--json", "logs", "1").out.splitlines()]
    assert rows == [
        {"id": 1, "offset": 0, "text": "one\n"},
        {"id": 1, "offset": 4, "dropped_bytes": 1000, "reason": "cap"},
        {"id": 1, "offset": 1004, "text": "two\n"},
        {"id": 1, "offset": 1008, "dropped_bytes": 2, "reason": "spool_lost"},
    ]


def test_the_last_lines_reach_back_to_a_gap_at_most(ended: FakeApi, nightshift: Nightshift) -> None:
    ended.add_log(1, WITH_GAPS[:1008], state="complete").gaps.append(GAPS[0])
    assert nightshift("logs", "-n", "5", "1").out == "two\n"


def test_pruned_output_is_said_to_be_gone(ended: FakeApi, nightshift: Nightshift) -> None:
    ended.add_log(1, b"", state="pruned")
    result = nightshift("logs", "1")
    assert result.status == 1
    assert "removed because of its age" in result.err
