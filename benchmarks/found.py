"""Rows by what they are about. A later row stands for an earlier one of the same."""

from collections.abc import Iterable
from typing import Any

from benchmarks.rows import OURS, Row

WHERE = ("asked", "depth", "hosts", "waiting", "shapes")  # what tells rows of one workload apart


class Found:
    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = {self._key(row): row for row in rows}

    @staticmethod
    def _key(row: Row) -> tuple[Any, ...]:
        places = () if row["w"].startswith("hosts") else (row.get(name) for name in WHERE)
        return (row["peer"], row["w"], *places)

    @property
    def rows(self) -> list[Row]:
        return list(self._rows.values())

    def peers(self) -> dict[str, str]:
        """Those that did a workload, with their versions."""
        return {row["peer"]: str(row["version"]) for row in self.rows if row["w"] not in ("machine", "settings")}

    def all(self, workload: str) -> list[Row]:
        return [row for row in self.rows if row["w"] == workload]

    def one(self, workload: str, peer: str = OURS, **where: Any) -> Row | None:
        """The first, where there are several."""
        rows = (row for row in self.all(workload) if row["peer"] == peer)
        return next((row for row in rows if all(row.get(name) == value for name, value in where.items())), None)
