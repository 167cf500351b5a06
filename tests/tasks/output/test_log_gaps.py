"""Output over its limit, and output that a host could not keep: head and tail stay, what is missing is known."""

import hashlib
import random
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from scheduler_site.shared.errors import OffsetGap
from tasks.models import OutputLog, SubAgent
from tasks.output import log_files, log_gaps, logs
from tasks.output.log_gaps import Gap, Limits, Run
from tasks.states import LogState
from tests.factories import make_sub_agent

pytestmark = pytest.mark.django_db
MIB = 1 << 20


@pytest.fixture(autouse=True)
def _folder(settings: object, tmp_path: Path) -> None:
    settings.TASK_LOG_DIR = tmp_path  # type: ignore[attr-defined]
    settings.LOG_MAX_MIB = 4  # type: ignore[attr-defined]


@pytest.fixture
def sub_agent() -> SubAgent:
    return make_sub_agent()


def append(sub_agent: SubAgent, offset: int, data: bytes) -> OutputLog:
    return logs.append(sub_agent, "out", offset, data, zlib.crc32(data))


def gaps(sub_agent: SubAgent) -> list[tuple[int, int, str]]:
    return [(gap.start, gap.stop, gap.reason) for gap in logs.row_of(sub_agent, "out").known_gaps]


def kept_equals(sub_agent: SubAgent, truth: bytes) -> bool:
    found = logs.find(sub_agent.task)
    assert found is not None
    return all(b"".join(logs.read(found, run.start, run.stop)) == truth[run.start : run.stop] for run in found.runs)


def on_disk(sub_agent: SubAgent) -> int:
    return log_files.path_of(sub_agent, "out").stat().st_blocks * 512


def test_of_an_endless_output_head_and_tail_stay_and_the_disk_is_bounded(sub_agent: SubAgent) -> None:
    truth = random.Random(1).randbytes(20 * MIB)
    for offset in range(0, len(truth), MIB // 2):
        append(sub_agent, offset, truth[offset : offset + MIB // 2])
        assert on_disk(sub_agent) <= 6 * MIB
    ((start, stop, reason),) = gaps(sub_agent)
    assert (start, reason) == (3 * MIB, "cap")
    assert MIB <= 20 * MIB - stop <= 2 * MIB
    assert kept_equals(sub_agent, truth)


def test_a_skip_is_taken_from_the_stored_end_only(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abc")
    logs.skip(sub_agent, "out", 2, 9, "spool_full")
    logs.skip(sub_agent, "out", 4, 9, "spool_full")
    assert gaps(sub_agent) == []
    assert logs.skip(sub_agent, "out", 3, 9, "spool_full").stored_bytes == 9
    logs.skip(sub_agent, "out", 3, 9, "spool_full")
    append(sub_agent, 9, b"jkl")
    assert gaps(sub_agent) == [(3, 9, "spool_full")]
    assert kept_equals(sub_agent, b"abcdefghijkl")


def test_a_skip_ends_at_the_final_size(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abc")
    logs.begin_draining(sub_agent, {"out": 5})
    assert logs.skip(sub_agent, "out", 3, 900, "spool_lost").stored_bytes == 5


def test_with_a_gap_the_checksums_of_the_parts_decide(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abc")
    logs.skip(sub_agent, "out", 3, 6, "spool_lost")
    append(sub_agent, 6, b"ghi")
    logs.begin_draining(sub_agent, {"out": 9})
    parts = [(0, 3, zlib.crc32(b"abc")), (2, 5, 1), (6, 9, zlib.crc32(b"ghi"))]
    row = logs.close(sub_agent, "out", 9, "", parts)
    assert (row.state, row.sha256) == (LogState.COMPLETE, "")


def test_a_part_that_differs_makes_it_corrupt(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abc")
    logs.skip(sub_agent, "out", 3, 6, "spool_lost")
    logs.begin_draining(sub_agent, {"out": 6})
    assert logs.close(sub_agent, "out", 6, "", [(0, 3, zlib.crc32(b"abd"))]).state == LogState.CORRUPT


def test_without_gaps_the_parts_do_for_a_host_that_let_go_of_its_bytes(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abc")
    logs.begin_draining(sub_agent, {"out": 3})
    assert logs.close(sub_agent, "out", 3, "", [(0, 3, zlib.crc32(b"abc"))]).state == LogState.COMPLETE


def test_a_power_loss_takes_back_gaps_beyond_what_the_disk_has(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abc")
    logs.skip(sub_agent, "out", 3, 6, "spool_full")
    append(sub_agent, 6, b"ghi")
    with log_files.path_of(sub_agent, "out").open("r+b") as file:
        file.truncate(2)
    with pytest.raises(OffsetGap) as refused:
        append(sub_agent, 9, b"j")
    assert refused.value.extra == {"stored": 2}
    assert gaps(sub_agent) == []


def test_a_gap_at_the_end_is_no_power_loss(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abc")
    logs.skip(sub_agent, "out", 3, 60, "spool_full")
    assert append(sub_agent, 60, b"x").stored_bytes == 61


def test_a_reader_never_gets_the_zeros_of_a_hole(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"a" * (5 * MIB))
    found = logs.find(sub_agent.task)
    assert found is not None
    reading = logs.read(found, 3 * MIB, found.size, block=MIB // 4)
    assert next(reading) == b"a" * (MIB // 4)
    append(sub_agent, 5 * MIB, b"b" * (4 * MIB))
    with pytest.raises(logs.Dropped):
        list(reading)


def test_long_output_is_made_durable_now_and_then(sub_agent: SubAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(logs, "_synced_at", {})
    monkeypatch.setattr(log_files, "to_stable_storage", synced.append)
    assert append(sub_agent, 0, b"a" * (3 * MIB)).durable_bytes == 0
    assert append(sub_agent, 3 * MIB, b"a" * MIB).durable_bytes == 4 * MIB
    append(sub_agent, 4 * MIB, b"a" * (4 * MIB))
    assert len(synced) == 1


def test_the_gaps_of_a_row_stay_few() -> None:
    known = tuple(Gap(10 * number, 10 * number + 5, "cap") for number in range(log_gaps.MOST_GAPS))
    more = log_gaps.add(known, Gap(3000, 3001, "cap"))
    fewer = log_gaps.trimmed(more, 4000, Limits())
    assert len(fewer) == log_gaps.MOST_GAPS
    assert {gap for gap in known if gap not in fewer} == {Gap(0, 5, "cap"), Gap(10, 15, "cap")}


def test_runs_are_what_is_between_gaps() -> None:
    known = (Gap(0, 2, "cap"), Gap(5, 7, "cap"), Gap(9, 12, "cap"))
    assert log_gaps.runs(known, 12) == [Run(2, 5), Run(7, 9)]
    assert log_gaps.end_of_runs(known, 12) == 9
    assert log_gaps.runs((), 0) == []


@given(
    st.lists(st.tuples(st.sampled_from(["send", "skip", "again"]), st.integers(1, 40)), max_size=40),
    st.integers(1, 60),
    st.integers(1, 40),
)
@profile(deadline=None, max_examples=80)
def test_gaps_stay_sorted_and_what_is_kept_bounded(steps: list[tuple[str, int]], head: int, tail: int) -> None:
    known: log_gaps.Gaps = ()
    size = 0
    for step, length in steps:
        if step == "skip":
            known = log_gaps.add(known, Gap(size, size + length, "spool_full"))
        size += length
        known = log_gaps.trimmed(known, size, Limits(head, tail))
        edges = [edge for gap in known for edge in (gap.start, gap.stop)]
        assert edges == sorted(edges)
        assert all(gap.start < gap.stop <= size for gap in known)
        kept = sum(run.size for run in log_gaps.runs(known, size))
        assert kept <= head + 2 * tail
        assert kept + log_gaps.dropped(known) == size


@given(st.binary(min_size=1, max_size=300), st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60), st.booleans())))
@profile(deadline=None, max_examples=50)
def test_whatever_comes_in_whatever_order_what_is_kept_is_the_truth(
    truth: bytes, sent: list[tuple[int, int, bool]]
) -> None:
    sub_agent = make_sub_agent()
    for offset, length, is_skip in sent:
        stop = min(len(truth), offset + length)
        with suppress(OffsetGap):
            if is_skip:
                logs.skip(sub_agent, "out", offset, stop, "spool_full")
            else:
                append(sub_agent, offset, truth[offset:stop])
        if logs.find(sub_agent.task) is not None:
            assert kept_equals(sub_agent, truth)


def test_a_digest_still_decides_without_gaps(sub_agent: SubAgent) -> None:
    append(sub_agent, 0, b"abd")
    logs.begin_draining(sub_agent, {"out": 3})
    assert logs.close(sub_agent, "out", 3, hashlib.sha256(b"abc").hexdigest()).stored_bytes == 0
