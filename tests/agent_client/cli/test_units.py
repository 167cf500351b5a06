"""Sizes, durations and moments as people type them."""

import math
from collections.abc import Callable
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_client.cli import units


@pytest.mark.parametrize(
    ("text", "mib"),
    [
        ("32G", 32768),
        ("32", 32768),
        ("1.5g", 1536),
        ("120GB", 122880),
        ("16GiB", 16384),
        ("500M", 500),
        ("1T", 1048576),
        ("1K", 1),
        ("0", 0),
        (" 4 G ", 4096),
    ],
)
def test_sizes(text: str, mib: int) -> None:
    assert units.size_mib(text) == mib


@pytest.mark.parametrize("text", ["", "G", "-1G", "1e3", "1,5G", "nan", "inf", "1GG", "0x10", "1 2"])
def test_bad_sizes_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size") as error:
        units.size_mib(text)
    assert repr(text) in str(error.value)


@given(st.integers(0, 10**9), st.sampled_from(["M", "MiB", "mb"]))
def test_mib_are_kept_exactly(number: int, suffix: str) -> None:
    assert units.size_mib(f"{number}{suffix}") == number


@given(st.decimals(0, 10**6, places=3), st.sampled_from("KMGT"))
def test_a_size_is_never_rounded_down(number: object, suffix: str) -> None:
    exact = float(str(number)) * {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}[suffix]
    assert exact - 1e-6 * max(exact, 1) <= units.size_mib(f"{number:f}{suffix}") < exact + 1 + 1e-6 * max(exact, 1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2h", 7200),
        ("90m", 5400),
        ("90", 5400),
        ("1h30m", 5400),
        ("45s", 45),
        ("1.5h", 5400),
        ("2d 12h", 216000),
        ("2:00:00", 7200),
        ("100:00:00", 360000),
        ("30:15", 1815),
        ("1-12", 129600),
        ("1-12:30", 131400),
        ("1-12:30:05", 131405),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert units.duration_seconds(text) == seconds


def test_a_bare_number_counts_in_the_unit_of_the_flag() -> None:
    assert units.duration_seconds("30", bare="s") == 30


@pytest.mark.parametrize(
    "text", ["", "0", "0h", "h", "-5m", "1m1h", "1h1h", "1:60:00", "1:00:60", "1-24", "soon", "1e3m", "9" * 30, "5 x"]
)
def test_bad_durations_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration") as error:
        units.duration_seconds(text)
    assert repr(text) in str(error.value)


@given(st.integers(0, 500), st.integers(0, 23), st.integers(0, 59), st.integers(1, 59))
def test_slurms_and_our_spelling_mean_the_same(days: int, hours: int, minutes: int, seconds: int) -> None:
    total = days * 86400 + hours * 3600 + minutes * 60 + seconds
    assert units.duration_seconds(f"{days}-{hours}:{minutes:02}:{seconds:02}") == total
    assert units.duration_seconds(f"{days}d{hours}h{minutes}m{seconds}s") == total
    assert units.duration_seconds(f"{days * 24 + hours}:{minutes:02}:{seconds:02}") == total


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    for parse in (units.duration_seconds, units.size_mib):
        assert value_or_message(parse, text) in (True, repr(text))


def value_or_message(parse: Callable[[str], int], text: str) -> bool | str:
    """True for a value that is not negative, else how the message begins."""
    try:
        return parse(text) >= 0
    except ValueError as error:
        return str(error)[: len(repr(text))]


@pytest.mark.parametrize(("text", "cores"), [("4", 4), ("4.0", 4), ("0.5", 0.5), ("0", 0)])
def test_cores(text: str, cores: float) -> None:
    value = units.core_count(text)
    assert value == cores
    assert isinstance(value, int) == (cores == math.floor(cores))


@pytest.mark.parametrize("text", ["", "-1", "nan", "inf", "two", "1/2"])
def test_bad_cores(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number of CPU cores"):
        units.core_count(text)


def test_a_moment_without_zone_is_the_users() -> None:
    moment = datetime.fromisoformat(units.moment("2030-01-01T12:00"))
    assert moment == datetime(2030, 1, 1, 12).astimezone()
    assert datetime.fromisoformat(units.moment("2030-01-01T12:00Z")).timestamp() == 1893499200


@given(st.integers(0, 10**9))
def test_shown_durations_are_short_and_never_more(seconds: int) -> None:
    shown = units.shown_seconds(seconds)
    assert len(shown) <= 9
    if seconds >= 1:
        assert units.duration_seconds(shown) <= seconds


@pytest.mark.parametrize(
    ("mib", "shown"), [(None, "?"), (0, "0 MiB"), (512, "512 MiB"), (1536, "1.5 GiB"), (2**20 * 2, "2 TiB")]
)
def test_shown_sizes(mib: int | None, shown: str) -> None:
    assert units.shown_mib(mib) == shown
