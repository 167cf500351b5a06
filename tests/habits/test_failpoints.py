"""Each failpoint is a place in the code, known by its name, and some test makes it fail."""

import ast
from pathlib import Path

import pytest

from tests.habits.source import ROOT, SERVER, modules, tree_of

LISTS = {
    ROOT / "scheduler_site" / "shared" / "failpoints.py": SERVER,
    ROOT / "agent_client" / "failpoints.py": ("agent_client",),
}


def names_in(path: Path) -> list[str]:
    """NAMES = frozenset({...}), read without an import."""
    for node in tree_of(path).body:
        if (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == "NAMES"
            and isinstance(node.value, ast.Call)
        ):
            return sorted(ast.literal_eval(node.value.args[0]))
    raise AssertionError(f"{path} has no NAMES")


def passed_in(*packages: str) -> list[str]:
    """Names in calls of fail_at, also where it is only handed on: partial(fail_at, "x")."""
    return [name for path in modules(*packages) for node in ast.walk(tree_of(path)) for name in _name_in(node)]


def _name_in(node: ast.AST) -> list[str]:
    if not isinstance(node, ast.Call):
        return []
    parts = [node.func, *node.args]
    words = [ast.unparse(part) for part in parts[:2]]
    return [ast.literal_eval(part) for part in parts[1:] if "fail_at" in words and isinstance(part, ast.Constant)]


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.parent.name)
def test_each_name_is_one_place(path: Path) -> None:
    assert sorted(passed_in(*LISTS[path])) == names_in(path)


def test_each_name_is_used_by_a_test() -> None:
    texts = [path.read_text() for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    names = [name for path in LISTS for name in names_in(path)]
    assert [name for name in names if not any(name in text for text in texts)] == []
