"""Run as a program: writes the table of the fault matrix into docs/failure.md, from the rows and the last results.

Runs no test: `make matrix` does that first.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.matrix.results import Result, function_of, load
from tests.matrix.rows import GROUPS, ROWS, Row
from tests.matrix.sections import replace_section

PAGE = Path(__file__).resolve().parents[2] / "docs" / "failure.md"
SECTION = "fault matrix"
_HEAD = "| # | fault | how injected | expected | last result | tests |\n|---|---|---|---|---|---|"


def main() -> None:
    PAGE.write_text(replace_section(PAGE.read_text(), SECTION, table()))


def table() -> str:
    """The whole section, with one line that sums up."""
    results = load()
    return "\n".join([_summary(results), "", _HEAD, *_lines(results)])


def _lines(results: dict[str, Result]) -> Iterator[str]:
    for group, rows in GROUPS.items():
        yield f"| | **{group}** | | | | |"
        for row in rows:
            seen = of_row(row, results)
            names = "<br>".join(sorted({f"`{function_of(test).removeprefix('tests/')}`" for test in seen}))
            cells = [str(row.number), row.fault, row.injected, row.expected, verdict(row, seen), names]
            yield f"| {' | '.join(cells)} |"


def of_row(row: Row, results: dict[str, Result]) -> dict[str, Result]:
    return {test: result for test, result in results.items() if row.number in result.rows}


def verdict(row: Row, seen: dict[str, Result]) -> str:
    """failed if one failed, passed only if one passed; never silent about what was skipped."""
    if not seen:
        return f"not shown; needs {row.needs}" if row.needs else "not shown"
    outcomes = {result.outcome for result in seen.values()}
    word = "failed" if "failed" in outcomes else "passed" if "passed" in outcomes else "skipped"
    reasons = sorted({result.reason for result in seen.values() if result.outcome == "skipped"})
    note = f" (skipped in part: {'; '.join(reasons)})" if reasons else ""
    return f"{word} {max(result.day for result in seen.values())}{note}".replace("|", "/")


def _summary(results: dict[str, Result]) -> str:
    words = [verdict(row, of_row(row, results)).split()[0] for row in ROWS.values()]
    names = {"passed": "passed", "failed": "failed", "skipped": "skipped", "not": "not shown"}
    counts = [f"{words.count(word)} {name}" for word, name in names.items() if word in words]
    return f"{len(ROWS)} rows: {', '.join(counts)}."


if __name__ == "__main__":
    main()
