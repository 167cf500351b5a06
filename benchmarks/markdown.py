"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def table(headings: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
