"""The Range header: one range of bytes, everything else means the whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.api.byte_ranges import ByteRange, Unsatisfiable, first_kept, parse
from tasks.output.log_gaps import Run

LIMIT = 100


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-", (0, 100)),
        ("bytes=950-", (950, 1000)),
        ("bytes=0-0", (0, 1)),
        ("bytes=10-19", (10, 20)),
        ("bytes=10-5000", (10, 1000)),
        ("bytes=0-999", (0, 1000)),
        ("bytes=-7", (993, 1000)),
        ("bytes=-5000", (0, 1000)),
        (" Bytes= 10-19 ", (10, 20)),
    ],
)
def test_one_range(header: str, wanted: tuple[int, int]) -> None:
    part = parse(header, 1000, LIMIT)
    assert part is not None
    assert first_kept(part, [Run(0, 1000)]) == ByteRange(*wanted)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-", (0, 40)),
        ("bytes=30-49", (30, 40)),
        ("bytes=40-", (700, 800)),
        ("bytes=40-899", (700, 900)),
        ("bytes=650-750", (700, 751)),
    ],
)
def test_one_answer_ends_at_a_gap_and_its_limit_counts_from_what_is_kept(header: str, wanted: tuple[int, int]) -> None:
    part = parse(header, 1000, LIMIT)
    assert part is not None
    assert first_kept(part, [Run(0, 40), Run(700, 1000)]) == ByteRange(*wanted)


def test_a_range_within_a_gap_is_none() -> None:
    part = parse("bytes=50-60", 1000, LIMIT)
    assert part is not None
    with pytest.raises(Unsatisfiable):
        first_kept(part, [Run(0, 40), Run(700, 1000)])


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5000-6000", "bytes=-0", "bytes=9999999999999999999-"])
def test_nothing_there(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse(header, 1000, LIMIT)


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-1", "bytes=0-0"])
def test_nothing_is_in_an_empty_log(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse(header, 0, LIMIT)


@pytest.mark.parametrize(
    "header",
    [
        *("", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,5-6", "lines=0-5", "bytes=a-b", "bytes=+1-2"),
        *("bytes=1-٣", "bytes=0x1-", "bytes=" + "9" * 5000 + "-"),
    ],
)
def test_anything_else_means_the_whole(header: str) -> None:
    assert parse(header, 1000, LIMIT) is None


@given(header=st.from_regex(r"bytes=[0-9]{0,4}-[0-9]{0,4}", fullmatch=True), size=st.integers(0, 3000))
def test_never_outside_what_is_stored(header: str, size: int) -> None:
    try:
        part = parse(header, size, LIMIT)
    except Unsatisfiable:
        return
    assert part is None or 0 <= part.start < part.stop <= size
