"""Dependencies as people type them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.pages import dependency_text
from tasks.pages.dependency_text import HTML_PATTERN, TypedDependency, parse, show
from tasks.states import DependencyKind


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", []),
        ("12, 13", [12, 13]),
        ("12,13;14 #15\n16", [12, 13, 14, 15, 16]),
        (" , 7 ,", [7]),
        ("7 7", [7]),
    ],
)
def test_ids_in_the_order_typed(text: str, ids: list[int]) -> None:
    assert [one.task_id for one in parse(text)] == ids


def test_kinds() -> None:
    assert parse("afterany:12, AFTERNOTOK:#13")[0] == TypedDependency(12, "afterany")
    assert [one.kind for one in parse("afterany:12, AFTERNOTOK:#13, 14")] == ["afterany", "afternotok", "afterok"]


@pytest.mark.parametrize("text", ["abc", "12x", "-3", "1.5", "afterok:", "\uff11\uff12", "12:afterok"])
def test_what_is_no_id_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        parse(text)


def test_unknown_kinds_are_named() -> None:
    with pytest.raises(ValueError, match=r"someday.*afterok, afterany"):
        parse("someday:12")


_typed = st.builds(
    TypedDependency, st.integers(min_value=0, max_value=10**17), st.sampled_from(list(DependencyKind.values))
)


@given(st.lists(_typed, unique_by=lambda one: one.task_id))
def test_what_is_shown_reads_back(dependencies: list[TypedDependency]) -> None:
    text = show(dependencies)
    assert dependency_text.parse(text) == dependencies
    assert re.fullmatch(HTML_PATTERN, text)
