"""What `make matrix` saw: for each test of a fault row its outcome and day, kept in results.json beside this file.

Parts can be run alone: what has run replaces the older outcome, the rest stays. Decides nothing about rows.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class Result:
    """`rows` are those that the test is marked with; `outcome` is passed, failed or skipped, then for `reason`."""

    rows: list[int]
    outcome: str
    day: str
    reason: str = ""


def load(file: Path = FILE) -> dict[str, Result]:
    """By node id: tests/a/test_b.py::test_c[parameter]."""
    if not file.exists():
        return {}
    return {test: Result(**fields) for test, fields in json.loads(file.read_text()).items()}


def merge(fresh: dict[str, Result], file: Path = FILE) -> None:
    results = {**load(file), **fresh}
    ordered = {test: asdict(results[test]) for test in sorted(results)}
    file.write_text(json.dumps(ordered, indent=1) + "\n")


def function_of(test: str) -> str:
    """The node id without parameters."""
    return test.partition("[")[0]
