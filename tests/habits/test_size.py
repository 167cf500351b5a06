"""Short functions and files. An exemption names itself and its reason here."""

from statistics import median, quantiles

import pytest

from tests.habits import source

MEDIAN_LINES = 10
P90_LINES = 30
LONGEST_FUNCTION = 60
LONGEST_FILE = 400
EXEMPT: dict[str, str] = {}  # "path:function" -> reason


@pytest.mark.parametrize("package", source.PACKAGES)
def test_functions_are_short(package: str) -> None:
    lines = [function.lines for function in source.functions(package)]
    assert median(lines) <= MEDIAN_LINES
    assert quantiles(lines, n=10)[-1] <= P90_LINES


@pytest.mark.parametrize("package", source.PACKAGES)
def test_no_function_is_very_long(package: str) -> None:
    long = [function for function in source.functions(package) if function.lines > LONGEST_FUNCTION]
    assert [str(function) for function in long if f"{source.shown(function.path)}:{function.name}" not in EXEMPT] == []


@pytest.mark.parametrize("package", [*source.PACKAGES, "tests"])
def test_no_file_is_very_long(package: str) -> None:
    lengths = {source.shown(path): len(path.read_text().splitlines()) for path in source.modules(package)}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


@pytest.mark.parametrize("package", source.PACKAGES)
def test_every_module_says_what_it_is(package: str) -> None:
    import ast

    silent = [
        source.shown(path)
        for path in source.modules(package)
        if path.read_text().strip() and ast.get_docstring(source.tree_of(path)) is None
    ]
    assert silent == []
