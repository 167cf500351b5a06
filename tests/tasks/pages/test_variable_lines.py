"""Lines of NAME=value."""

import pytest

from tasks.pages.variable_lines import parse, show


def test_lines_become_variables() -> None:
    assert parse("A=1\n\n# a note\nB=x=y\nC=\n") == {"A": "1", "B": "x=y", "C": ""}


def test_values_keep_their_spaces() -> None:
    assert parse(" A = two words ") == {"A": " two words "}


@pytest.mark.parametrize("text", ["A=1\nnonsense", "A=1\n=2"])
def test_a_line_that_is_none_is_named_by_its_number(text: str) -> None:
    with pytest.raises(ValueError, match="Line 2"):
        parse(text)


def test_what_is_shown_reads_back() -> None:
    variables = {"A": "1", "B": "x=y"}
    assert parse(show(variables)) == variables
