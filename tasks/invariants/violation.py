"""Violation: one thing that should never be, with the number of the invariant that it breaks."""

from dataclasses import asdict, dataclass
from typing import Any

MOST = 100  # rows that one question names; whoever has more has trouble enough


@dataclass(frozen=True)
class Violation:
    """`ids` say which rows: of tasks, sub agents, hosts, as the sentence does."""

    number: int
    sentence: str
    ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"I{self.number}: {self.sentence}"

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ids": list(self.ids)}


def broken(number: int, sentence: str, *ids: Any) -> Violation:
    return Violation(number, sentence, tuple(str(part) for part in ids))


def some(rows: Any) -> Any:
    """At most MOST rows of a queryset."""
    return rows[:MOST]
