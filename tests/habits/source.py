"""Reads the product's own source for the habit tests: files, imports, functions, templates. Judges nothing."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SERVER = ("scheduler_site", "agents", "templates_app", "tasks")
PACKAGES = (*SERVER, "agent_client")
TEMPLATE_TAG = re.compile(r"{%-?\s*(?:extends|include)\s+[\"']([^\"']+)[\"']")


@dataclass(frozen=True)
class Function:
    path: Path
    name: str
    lines: int

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.name} ({self.lines} lines)"


@cache
def modules(*packages: str) -> tuple[Path, ...]:
    """Python files of the packages, migrations left out: those are written by a program."""
    found = (path for package in packages for path in (ROOT / package).rglob("*.py"))
    return tuple(sorted(path for path in found if "migrations" not in path.parts))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports_of(path: Path) -> Iterator[str]:
    """Full names of everything imported, also inside functions; `from a import b` gives a.b."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(path, node)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def absolute(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = path.relative_to(ROOT).with_suffix("").parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def functions(*packages: str) -> Iterator[Function]:
    for path in modules(*packages):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield Function(path, node.name, (node.end_lineno or node.lineno) - node.lineno + 1)


def templates() -> Iterator[Path]:
    for app in SERVER:
        yield from sorted((ROOT / app).rglob("templates/**/*.html"))


def templates_used_by(path: Path) -> list[str]:
    return TEMPLATE_TAG.findall(path.read_text())


def found_in(paths: Iterable[Path], look: Callable[[Path], Iterable[str]]) -> dict[str, list[str]]:
    """What `look` finds in each, by file; files without a finding are left out. A test for each file would cost more to
    begin than to run."""
    found = {shown(path): list(look(path)) for path in paths}
    return {path: findings for path, findings in found.items() if findings}


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))
