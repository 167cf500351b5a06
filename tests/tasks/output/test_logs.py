"""Output by offset: stored once, in order, byte for byte, whatever is repeated, late, lost or damaged on the way."""

import hashlib
import os
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_site.shared.errors import CrcMismatch, OffsetGap
from tasks.models import OutputLog, SubAgent
from tasks.output import log_digests, log_files, logs
from tasks.states import LogState
from tests.examples import examples
from tests.factories import make_sub_agent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _folder(settings: object, tmp_path: Path) -> None:
    settings.TASK_LOG_DIR = tmp_path  # type: ignore[attr-defined]


@pytest.fixture
def sub_agent() -> SubAgent:
    return make_sub_agent()


def append(sub_agent: SubAgent, offset: int, data: bytes) -> OutputLog:
    return logs.append(sub_agent, "out", offset, data, zlib.crc32(data))


def stored(sub_agent: SubAgent) -> bytes:
    found = logs.find(sub_agent.task)
    assert found is not None
    return b"".join(logs.read(found, 0, found.size))


def test_pieces_in_order(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"one ")
    assert append(sub_agent, 4, b"two").stored_bytes == 7
    assert stored(sub_agent) == b"one two"


def test_a_piece_again_is_known_and_an_overlap_adds_its_end(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abcdef")
    append(sub_agent, 0, b"abc")
    append(sub_agent, 3, b"defghi")
    assert stored(sub_agent) == b"abcdefghi"


def test_a_gap_stores_nothing_and_says_where_to_go_on(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abc")
    with pytest.raises(OffsetGap) as refused:
        append(sub_agent, 5, b"xyz")
    assert refused.value.extra == {"stored": 3}
    assert stored(sub_agent) == b"abc"


@pytest.mark.matrix(31)
def test_damaged_bytes_are_refused(sub_agent: SubAgent) -> None:
    with pytest.raises(CrcMismatch):
        logs.append(sub_agent, "out", 0, b"abc", zlib.crc32(b"abd"))
    assert logs.find(sub_agent.task) is None


def test_after_a_power_loss_it_goes_on_from_what_the_disk_has(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"0123456789")
    with log_files.path_of(sub_agent, "out").open("r+b") as file:
        file.truncate(4)
    assert stored(sub_agent) == b"0123"
    with pytest.raises(OffsetGap) as refused:
        append(sub_agent, 10, b"x")
    assert refused.value.extra == {"stored": 4}
    append(sub_agent, 4, b"456789x")
    assert stored(sub_agent) == b"0123456789x"


def test_bytes_written_but_not_noted_come_again_to_the_same_place(sub_agent: SubAgent) -> None:
    """The crash between the write and the row's update."""
    append(sub_agent, 0, b"abc")
    log_files.path_of(sub_agent, "out").write_bytes(b"abcdef")
    assert stored(sub_agent) == b"abc"
    append(sub_agent, 3, b"def!")
    assert stored(sub_agent) == b"abcdef!"


def test_nothing_beyond_the_final_size(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abc")
    logs.begin_draining(sub_agent, {"out": 5})
    append(sub_agent, 3, b"defgh")
    assert stored(sub_agent) == b"abcde"


def test_close_compares_and_completes(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abc")
    logs.begin_draining(sub_agent, {"out": 3})
    assert logs.unsettled([sub_agent.pk]) == {sub_agent.pk}
    row = logs.close(sub_agent, "out", 3, hashlib.sha256(b"abc").hexdigest())
    assert row.state == LogState.COMPLETE
    assert logs.unsettled([sub_agent.pk]) == set()
    append(sub_agent, 3, b"late")
    assert stored(sub_agent) == b"abc"


def test_long_output_is_compared_over_several_calls(sub_agent: SubAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_digests, "SECONDS_A_CALL", -1.0)
    monkeypatch.setattr(log_digests, "BLOCK_BYTES", 4)
    append(sub_agent, 0, b"0123456789")
    logs.begin_draining(sub_agent, {"out": 10})
    wanted = hashlib.sha256(b"0123456789").hexdigest()
    states = [logs.close(sub_agent, "out", 10, wanted).state for _ in range(3)]
    assert states == [LogState.DRAINING, LogState.DRAINING, LogState.COMPLETE]


def test_close_of_an_empty_stream(sub_agent: SubAgent) -> None:
    logs.begin_draining(sub_agent, {"out": 0})
    assert logs.close(sub_agent, "out", 0, hashlib.sha256(b"").hexdigest()).state == LogState.COMPLETE


def test_close_too_early_changes_nothing(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abc")
    logs.begin_draining(sub_agent, {"out": 6})
    assert logs.close(sub_agent, "out", 6, "0" * 64).state == LogState.DRAINING


def test_other_bytes_start_over_once_and_are_then_corrupt(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abd")
    logs.begin_draining(sub_agent, {"out": 3})
    wanted = hashlib.sha256(b"abc").hexdigest()
    row = logs.close(sub_agent, "out", 3, wanted)
    assert (row.stored_bytes, row.state) == (0, LogState.DRAINING)
    append(sub_agent, 0, b"abx")
    assert logs.close(sub_agent, "out", 3, wanted).state == LogState.CORRUPT


def test_after_a_start_over_the_right_bytes_complete_it(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abd")
    logs.begin_draining(sub_agent, {"out": 3})
    wanted = hashlib.sha256(b"abc").hexdigest()
    logs.close(sub_agent, "out", 3, wanted)
    append(sub_agent, 0, b"abc")
    assert logs.close(sub_agent, "out", 3, wanted).state == LogState.COMPLETE
    assert stored(sub_agent) == b"abc"


def test_a_lost_sub_agents_output_stays_incomplete_and_still_takes_late_bytes(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abc")
    logs.begin_draining(sub_agent, {})
    assert logs.row_of(sub_agent, "out").state == LogState.INCOMPLETE
    logs.begin_draining(sub_agent, {"out": 6})
    append(sub_agent, 3, b"def")
    assert stored(sub_agent) == b"abcdef"


def test_reading_a_window(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, bytes(range(256)) * 1000)
    found = logs.find(sub_agent.task)
    assert found is not None
    assert b"".join(logs.read(found, 100, 900, block=7)) == (bytes(range(256)) * 4)[100:900]
    assert b"".join(logs.read(found, found.size - 3, found.size + 50)) == bytes([253, 254, 255])


def test_streams_and_attempts_are_apart(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"out")
    logs.append(sub_agent, "err", 0, b"err", zlib.crc32(b"err"))
    found = logs.find(sub_agent.task, 1, "err")
    assert found is not None
    assert b"".join(logs.read(found, 0, 9)) == b"err"
    assert logs.find(sub_agent.task, 2) is None


@given(
    st.binary(max_size=200), st.lists(st.tuples(st.integers(0, 220), st.integers(0, 60), st.booleans()), max_size=30)
)
@settings(deadline=None, max_examples=examples(40))
def test_whatever_the_network_does_a_prefix_is_stored(
    tmp_path_factory: pytest.TempPathFactory, truth: bytes, sent: list[tuple[int, int, bool]]
) -> None:
    """Pieces of the truth come in any order, repeated, damaged; what is stored is always its beginning."""
    sub_agent = make_sub_agent()
    for offset, length, is_damaged in sent:
        data = truth[offset : offset + length]
        crc32 = zlib.crc32(data) ^ is_damaged
        with suppress(OffsetGap, CrcMismatch):
            logs.append(sub_agent, "out", offset, data, crc32)
        found = logs.find(sub_agent.task)
        if found is not None:
            assert b"".join(logs.read(found, 0, found.size)) == truth[: found.size]


def test_the_folder_of_a_task_is_put_on_stable_storage_with_its_first_output(
    sub_agent: SubAgent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else a power cut takes the whole folder, although the host was told that it may let go of the bytes."""
    opened: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: opened.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    append(sub_agent, 0, b"abc")
    logs.close(sub_agent, "out", 3, hashlib.sha256(b"abc").hexdigest())
    assert tmp_path in opened
