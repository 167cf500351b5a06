"""No control character of a script reaches a terminal, however its bytes are cut."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_client.cli.terminal import RESET, TerminalText, one_line

HOSTILE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "\x1b[31m",
                "\x1b[2J",
                "\x1b]0;evil\x07",
                "\x1b]52;c;AAAA\x1b\\",
                "\x9b5n",
                "\x90q\x9c",
                "\x1bc",
                "\r",
                "\n",
            ]
        ),
        st.text(max_size=5),
        st.sampled_from(["\x1b", "\x1b[", "\x1b]", "\x1b(", "\x9d", "7", ";", "m"]),
    ),
    max_size=30,
)


def cleaned(data: bytes, cuts: list[int], with_colours: bool = False) -> str:
    text = TerminalText(with_colours)
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    parts = [text.feed(data[start:end]) for start, end in itertools.pairwise(edges)]
    return "".join(parts) + text.finish()


@given(PIECES, st.lists(st.integers(0, 10**6), max_size=8))
def test_nothing_hostile_gets_through(pieces: list[str], cuts: list[int]) -> None:
    assert not HOSTILE.search(cleaned("".join(pieces).encode(), cuts))


@given(st.binary(max_size=300), st.lists(st.integers(0, 10**6), max_size=8))
def test_any_bytes_are_safe(data: bytes, cuts: list[int]) -> None:
    assert not HOSTILE.search(cleaned(data, cuts))


@given(PIECES, st.lists(st.integers(0, 10**6), max_size=8), st.booleans())
def test_cuts_change_nothing(pieces: list[str], cuts: list[int], with_colours: bool) -> None:
    data = "".join(pieces).encode()
    assert cleaned(data, cuts, with_colours) == cleaned(data, [], with_colours)


@given(PIECES)
def test_only_colours_pass_when_colours_are_wanted(pieces: list[str]) -> None:
    shown = cleaned("".join(pieces).encode(), [], with_colours=True)
    assert not HOSTILE.search(re.sub("\x1b\\[[0-9;:]*m", "", shown))


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=100))
def test_ordinary_text_is_not_touched(text: str) -> None:
    assert cleaned(text.encode(), []) == text


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"a\x1b[31mred\x1b[0m b", "ared b"),
        (b"\x1b]0;title\x07after", "after"),
        (b"\x1b]0;never ended\nnext", "]0;never ended\nnext"),
        (b"10%\r20%\r100%\r\nend", "10%\n20%\n100%\nend"),
        (b"tab\there", "tab\there"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"bell\x07 back\x08space", "bell backspace"),
        (b"\x1b[8mhidden", "hidden"),
        (b"cut \x1b[3", "cut [3"),
    ],
)
def test_samples(data: bytes, shown: str) -> None:
    assert cleaned(data, []) == shown


def test_a_colour_left_on_is_switched_off() -> None:
    assert cleaned(b"\x1b[31mred", [], with_colours=True) == f"\x1b[31mred{RESET}"
    assert cleaned(b"plain", [], with_colours=True) == "plain"


def test_an_endless_sequence_holds_little_back() -> None:
    text = TerminalText(with_colours=False)
    shown = "".join(text.feed(b"\x1b]0;" + b"x" * 3000) for _ in range(3)) + text.feed(b"y" * 10_000)
    assert shown.endswith("y" * 1000)


def test_one_line_keeps_a_name_on_its_line() -> None:
    assert one_line("evil\x1b[2J\nname\u202etxt\x9b") == "evil [2J name txt"
