"""The corpus itself, and what a terminal is given of it."""

import pytest

from agent_client.cli.terminal import TerminalText, one_line
from tests.hostile.corpus import for_a_log, strings

KEPT = "\n\t"


def controls(text: str) -> set[str]:
    return {character for character in text if ord(character) < 32 or 127 <= ord(character) < 160}


def test_there_are_enough() -> None:
    assert len(strings()) >= 200
    assert sum("__pwned" in text for text in strings()) > 100


def test_no_control_character_of_a_name_reaches_a_terminal() -> None:
    for text in strings():
        assert not controls(one_line(text)), repr(text)
        assert not set(one_line(text)) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@pytest.mark.parametrize("size", [1, 7, 10**6])
def test_no_control_character_of_a_log_reaches_a_terminal(size: int) -> None:
    data, terminal = for_a_log(), TerminalText(with_colours=False)
    shown = "".join(terminal.feed(data[at : at + size]) for at in range(0, len(data), size)) + terminal.finish()
    assert controls(shown) <= set(KEPT)
    assert "<script data-hostile>" in shown


def test_colours_are_all_that_is_left_where_they_are_wanted() -> None:
    terminal = TerminalText(with_colours=True)
    shown = terminal.feed(for_a_log()) + terminal.finish()
    assert controls(shown) <= {*KEPT, "\x1b"}
    assert all(rest.startswith("[") and "m" in rest for rest in shown.split("\x1b")[1:])
