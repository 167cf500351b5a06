"""Pages escape everything and carry no script of their own: the policy of the page would refuse it anyway."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.habits import source

UNESCAPED = re.compile(r"\|\s*safe\b|{%\s*autoescape\s+off|\|\s*safeseq\b")
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\b(?:src=|type=\"application/json\"))[^>]*>|\son[a-z]+\s*=\s*[\"']", re.I)
MARKING = {"mark_safe", "SafeString", "SafeText"}


def test_templates_escape_everything() -> None:
    assert source.found_in(source.templates(), lambda path: UNESCAPED.findall(path.read_text())) == {}


def test_templates_have_no_inline_script() -> None:
    assert source.found_in(source.templates(), lambda path: INLINE_SCRIPT.findall(path.read_text())) == {}


def test_code_marks_nothing_safe() -> None:
    """format_html with a literal is the one way: it escapes what is put in."""
    modules = source.modules(*source.SERVER)
    assert source.found_in(modules, lambda path: unescaped_calls(source.tree_of(path))) == {}


def unescaped_calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in MARKING or (name == "format_html" and not is_literal(node.args[0])):
                yield ast.unparse(node)


def is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)


def test_what_counts_as_marking_safe() -> None:
    assert list(unescaped_calls(ast.parse("format_html('<b>{}</b>', name); str(name)"))) == []
    assert len(list(unescaped_calls(ast.parse("mark_safe(x); format_html(x); format_html(f'<b>{x}</b>')")))) == 3


@pytest.mark.parametrize("text", ["{{ name|safe }}", "{{ name | safe }}", "{% autoescape off %}"])
def test_what_is_found_unescaped(text: str) -> None:
    assert UNESCAPED.search(text)


def test_what_is_found_inline() -> None:
    assert INLINE_SCRIPT.search("<script>alert(1)</script>")
    assert INLINE_SCRIPT.search('<a onclick="x()">')
    assert not INLINE_SCRIPT.search('<script type="module" src="/a.js"></script>')
    assert not INLINE_SCRIPT.search('<script id="x" type="application/json">')
