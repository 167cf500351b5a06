"""A pytest plugin: keeps the outcomes of tests that show rows of the fault matrix (`--matrix-results FILE`).

Refuses marks with rows that do not exist. Without the option nothing is written.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.matrix.results import Result, merge
from tests.matrix.rows import ROWS

_PROPERTY = "matrix rows"
_fresh: dict[str, Result] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--matrix-results", help="merge outcomes of tests of the fault matrix into this file")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        rows = {row for mark in item.iter_markers("matrix") for row in mark.args}
        if unknown := rows - ROWS.keys():
            raise pytest.UsageError(f"{item.nodeid}: the fault matrix has no row {min(unknown)}.")
        if rows:
            item.user_properties.append((_PROPERTY, sorted(rows)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Called in the process that sums up; the rows have travelled there with the report."""
    rows = next((value for name, value in report.user_properties if name == _PROPERTY), None)
    if not isinstance(rows, list) or (report.when != "call" and report.passed):
        return
    earlier = _fresh.get(report.nodeid)
    if earlier is None or earlier.outcome != "failed":
        day = datetime.now(UTC).date().isoformat()
        _fresh[report.nodeid] = Result(rows, report.outcome, day, _reason_of(report))


def _reason_of(report: pytest.TestReport) -> str:
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return ""


def pytest_sessionfinish(session: pytest.Session) -> None:
    file = session.config.getoption("--matrix-results")
    if file and not hasattr(session.config, "workerinput"):
        merge(_fresh, Path(file))
