"""Durations and sizes as typed, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_site.shared.quantities import duration_input, gib_input, parse_duration, parse_gib


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("45", 2700),
        ("0.5", 30),
        ("90m", 5400),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1 h 30 min", 5400),
        ("2 days", 172800),
        ("1:30:00", 5400),
        ("0:45", 2700),
        ("1-12:00:00", 129600),
        (" 10S ", 10),
    ],
)
def test_durations_as_people_type_them(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "0", "0s", "2h x", "1:75:00", "nan", "1e9", "99999d", "h"])
def test_a_text_that_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="2h, 90m"):
        parse_duration(text)


@given(st.integers(1, 10_000_000))
def test_a_duration_comes_back_from_the_form(seconds: int) -> None:
    assert parse_duration(duration_input(seconds)) == seconds


@pytest.mark.parametrize(("text", "mib"), [("1", 1024), ("1.5", 1536), ("0,5", 512), (" 24 ", 24576), ("0.001", 1)])
def test_gib_as_typed(text: str, mib: int) -> None:
    assert parse_gib(text) == mib


@pytest.mark.parametrize("text", ["", "big", "0", "-1", "nan", "inf", "1e30", "24 GB"])
def test_a_text_that_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="GiB"):
        parse_gib(text)


@given(st.integers(1, 2**31 - 1))
def test_a_size_comes_back_from_the_form(mib: int) -> None:
    assert parse_gib(gib_input(mib)) == mib


def test_sizes_are_shown_short() -> None:
    assert [gib_input(mib) for mib in (1024, 1536, 81920, 24564, None)] == ["1", "1.5", "80", "23.988", ""]
