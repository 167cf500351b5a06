"""Run as a program: lists what the fault matrix lacks. The exit status is 1 while a blocking row has no test."""

import sys

from tests.matrix.marked import marked_tests
from tests.matrix.results import Result, function_of, load
from tests.matrix.rows import BLOCKING, ROWS


def main() -> int:
    marked, results = marked_tests(), load()
    shown = {row for rows in marked.values() for row in rows}
    for number in sorted(ROWS.keys() - shown):
        blocks = " (blocks a release)" if number in BLOCKING else ""
        sys.stdout.write(f"row {number} has no test{blocks}: {ROWS[number].fault}\n")
    for test in not_run(marked, results):
        sys.stdout.write(f"marked, but never run by `make matrix`: {test}\n")
    sys.stdout.write(f"{len(shown)} of {len(ROWS)} rows have tests.\n")
    return 1 if BLOCKING - shown else 0


def not_run(marked: dict[str, frozenset[int]], results: dict[str, Result]) -> list[str]:
    return sorted(marked.keys() - {function_of(test) for test in results})


if __name__ == "__main__":
    sys.exit(main())
