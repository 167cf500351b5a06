"""The fault matrix in docs/failure.md says what the rows, the marked tests and the last results say, and no more."""

from tests.matrix.marked import marked_tests
from tests.matrix.results import function_of, load
from tests.matrix.rows import BLOCKING, GROUPS, ROWS
from tests.matrix.sections import section_of
from tests.matrix.table import PAGE, SECTION, of_row, table

NOTHING = frozenset[int]()
AGAIN = "the table is stale: make matrix, or python -m tests.matrix.table when only words have changed"


def test_every_row_once_and_in_order() -> None:
    numbers = [row.number for rows in GROUPS.values() for row in rows]
    assert numbers == list(range(1, 75))
    assert ROWS.keys() >= BLOCKING


def test_marks_name_rows_that_exist() -> None:
    strange = {test: rows - ROWS.keys() for test, rows in marked_tests().items()}
    assert {test: rows for test, rows in strange.items() if rows} == {}


def test_results_are_of_tests_that_exist_and_show_those_rows() -> None:
    marked = marked_tests()
    assert [test for test, seen in load().items() if not marked.get(function_of(test), NOTHING) >= set(seen.rows)] == []


def test_every_marked_test_has_a_result() -> None:
    seen = {function_of(test) for test in load()}
    assert sorted(marked_tests().keys() - seen) == [], "make matrix PYTEST=tests/that/file.py"


def test_the_page_shows_the_table() -> None:
    assert section_of(PAGE.read_text(), SECTION) == table(), AGAIN


def test_each_blocking_row_was_seen_to_pass() -> None:
    for number in BLOCKING:
        outcomes = {result.outcome for result in of_row(ROWS[number], load()).values()}
        assert "failed" not in outcomes, f"row {number}"
        assert "passed" in outcomes, f"row {number}"
