"""Tables line up, with wide characters and narrow screens too."""

from hypothesis import given
from hypothesis import strategies as st

from agent_client.cli import table

CELL = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Mn", "Me"]), max_size=30)


def test_columns_line_up() -> None:
    shown = table.lines(("ID", "NAME", ""), [["1", "训练", "x"], ["12", "a", "y"]])
    assert shown == ["ID  NAME", "1   训练  x", "12  a     y"]


@given(st.lists(st.lists(CELL, min_size=4, max_size=4), min_size=1, max_size=5), st.integers(40, 120))
def test_fits_the_screen(rows: list[list[str]], width: int) -> None:
    shown = table.lines(("A", "B", "C", "D"), rows, width)
    assert all(table.display_width(line) <= width for line in shown)


@given(CELL, st.integers(2, 40))
def test_shortened_text_says_so(text: str, width: int) -> None:
    shown = table.shortened(text, width)
    assert table.display_width(shown) <= width
    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))


def test_paint_sees_unpadded_cells() -> None:
    shown = table.lines(("A", "B"), [["x", "y"]], None, lambda row, column, text: f"<{row}{column}{text}>")
    assert shown[1] == "<00x>  <01y>"


def test_rigid_columns_are_not_cut() -> None:
    shown = table.lines(("A", "B"), [["2026-08-21 10:00", "a long name of a task"]], 28, rigid=(0,))
    assert shown[1] == "2026-08-21 10:00  a long na…"
