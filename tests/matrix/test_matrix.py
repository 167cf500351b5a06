"""The fault matrix's own tools: marks are read as pytest reads them, a verdict hides nothing, results are merged."""

import ast
from pathlib import Path

import pytest

from tests.matrix import marked, results
from tests.matrix.results import Result
from tests.matrix.rows import ROWS
from tests.matrix.sections import replace_section, section_of
from tests.matrix.table import verdict

SOURCE = """
pytestmark = [pytest.mark.acceptance, pytest.mark.matrix(1)]

@pytest.mark.matrix(2, 3)
def test_marked(): ...

@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.matrix(4))])
async def test_a_parameter(x): ...

@pytest.mark.matrix(5)
class TestGroup:
    def test_inside(self): ...
    def helper(self): ...

def helper(): ...
"""
PASSED, FAILED, SKIPPED = (Result([12], word, "2026-01-02") for word in ("passed", "failed", "skipped"))


def test_marks_are_read_from_the_source() -> None:
    assert sorted(set(marked._in_module(ast.parse(SOURCE)))) == [
        ("TestGroup::test_inside", 1),
        ("TestGroup::test_inside", 5),
        ("test_a_parameter", 1),
        ("test_a_parameter", 4),
        ("test_marked", 1),
        ("test_marked", 2),
        ("test_marked", 3),
    ]


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ([], "not shown"),
        ([PASSED], "passed 2026-01-02"),
        ([PASSED, FAILED, SKIPPED], "failed 2026-01-02 (skipped in part: )"),
        ([SKIPPED], "skipped 2026-01-02 (skipped in part: )"),
        ([PASSED, Result([12], "skipped", "2026-01-03", "no | x")], "passed 2026-01-03 (skipped in part: no / x)"),
    ],
)
def test_a_verdict_hides_nothing(seen: list[Result], words: str) -> None:
    assert verdict(ROWS[12], {str(number): result for number, result in enumerate(seen)}) == words


def test_parts_are_merged(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    results.merge({"a::b[1]": PASSED, "a::c": PASSED}, file)
    results.merge({"a::c": FAILED}, file)
    assert results.load(file) == {"a::b[1]": PASSED, "a::c": FAILED}
    assert results.function_of("a::b[1]") == "a::b"


def test_a_generated_part_is_replaced_and_nothing_else() -> None:
    page = "before\n<!-- x: generated -->\nold\n<!-- x: end -->\nafter\n"
    fresh = replace_section(page, "x", "new")
    assert fresh == "before\n<!-- x: generated -->\nnew\n<!-- x: end -->\nafter\n"
    assert section_of(fresh, "x") == "new"
    with pytest.raises(ValueError, match="no <!-- y: generated -->"):
        section_of(page, "y")
