"""The list of deliberate faults fits the code of today, and the page shows it. `make mutations` puts them in."""

import ast

import pytest

from tests.habits.source import ROOT
from tests.matrix.sections import section_of
from tests.mutations.listed import MUTATIONS, Mutation
from tests.mutations.run import PAGE, SECTION, table


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.fault)
def test_its_place_is_there_once_and_its_test_exists(mutation: Mutation) -> None:
    text = (ROOT / mutation.file).read_text()
    assert text.count(mutation.old) == 1, f"{mutation.file} no longer holds the text of tests/mutations/listed.py once"
    ast.parse(text.replace(mutation.old, mutation.new))
    path, _, name = mutation.test.partition("::")
    assert f"def {name}(" in (ROOT / path).read_text()


def test_the_page_shows_the_list() -> None:
    assert section_of(PAGE.read_text(), SECTION) == table(), "run: python -m tests.mutations.run"
