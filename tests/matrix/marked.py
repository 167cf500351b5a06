"""Which test functions carry which rows of the fault matrix, read from the source of tests/ without importing it."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
ROOT = TESTS.parent


def marked_tests() -> dict[str, frozenset[int]]:
    """Rows by test function: tests/a/test_b.py::test_c or tests/a/test_b.py::TestC::test_d."""
    found: dict[str, set[int]] = defaultdict(set)
    for path in sorted(TESTS.rglob("test_*.py")):
        source = path.read_text()
        if "mark.matrix" in source:
            for function, row in _in_module(ast.parse(source, str(path))):
                found[f"{path.relative_to(ROOT)}::{function}"].add(row)
    return {test: frozenset(rows) for test, rows in found.items()}


def _in_module(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Marks in a function or above it are its own; marks of a class or of the module hold for every test in there."""
    yield from _in_body(tree.body, "", [])


def _in_body(body: list[ast.stmt], prefix: str, inherited: list[int]) -> Iterator[tuple[str, int]]:
    everywhere = [row for node in body if _sets_marks(node) for row in _rows(node)] + inherited
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            outer = [row for decorator in node.decorator_list for row in _rows(decorator)]
            yield from _in_body(node.body, f"{prefix}{node.name}::", everywhere + outer)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield from ((prefix + node.name, row) for row in [*everywhere, *_rows(node)])


def _sets_marks(node: ast.stmt) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in targets)


def _rows(node: ast.AST) -> Iterator[int]:
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.matrix":
            yield from (argument.value for argument in call.args if _is_number(argument))


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)
