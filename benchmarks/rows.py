"""One row for each measurement: a JSON line on stdout, and a list of them in a file. Sums nothing up."""

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from agent_client.version import VERSION

OURS = "Nightshift"
Row = dict[str, Any]


def tell(workload: str, **figures: Any) -> None:
    """Of Nightshift."""
    say({"peer": OURS, "version": VERSION, "w": workload, **figures})


def say(row: Row) -> None:
    """Figures end with their unit: _ms, _mb, secs; `rate` is tasks a second; `lo` and `hi` are the extremes of what the
    row is about."""
    print(json.dumps(row), flush=True)  # noqa: T201 - a benchmark prints


def write(path: Path, rows: Iterable[Row]) -> None:
    """A JSON list with a row a line."""
    path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


def read(path: Path) -> list[Row]:
    rows: list[Row] = json.loads(path.read_text())
    return rows


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float], digits: int = 1) -> float:
    return round(statistics.median(values), digits)
