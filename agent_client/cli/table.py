"""Columns for a terminal: widths that count wide characters, shortened to the width of the screen. Prints nothing."""

import unicodedata
from collections.abc import Callable, Collection, Sequence
from functools import partial

GAP = "  "
SHORTEST = 8


def display_width(text: str) -> int:
    return sum(_width(character) for character in text)


def shortened(text: str, width: int) -> str:
    """`text` in at most `width` columns; the cut is marked."""
    if display_width(text) <= width:
        return text
    kept, used = [], 1
    for character in text:
        used += _width(character)
        if used > width:
            break
        kept.append(character)
    return "".join(kept) + "…"


def lines(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    screen_width: int | None = None,
    paint: Callable[[int, int, str], str] = lambda row, column, text: text,
    rigid: Collection[int] = (),
) -> list[str]:
    """The table line by line. `paint` may colour a cell. Cut to `screen_width`, if given; `rigid` columns never."""
    widths = [max(map(display_width, column)) for column in zip(headers, *rows, strict=True)]
    if screen_width:
        widths = _fitted(widths, screen_width, rigid)
    painted = [_line(headers, widths, lambda column, text: text)]
    for number, row in enumerate(rows):
        painted.append(_line(row, widths, partial(paint, number)))
    return painted


def _line(cells: Sequence[str], widths: Sequence[int], paint: Callable[[int, str], str]) -> str:
    padded = []
    for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        text = shortened(cell, width)
        padding = " " * (width - display_width(text)) if column < len(cells) - 1 else ""
        padded.append(paint(column, text) + padding)
    return GAP.join(padded).rstrip()


def _fitted(widths: list[int], screen_width: int, rigid: Collection[int]) -> list[int]:
    """Take what is too much from the widest columns, down to SHORTEST."""
    widths = list(widths)
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - screen_width
    flexible = [column for column in range(len(widths)) if column not in rigid]
    while excess > 0 and flexible:
        widest = max(flexible, key=widths.__getitem__)
        if widths[widest] <= SHORTEST:
            break
        widths[widest] -= 1
        excess -= 1
    return widths


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
