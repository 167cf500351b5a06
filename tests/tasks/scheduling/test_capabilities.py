"""Every short row of signs is an expression or is refused with a sentence; nothing else comes of it."""

from itertools import product

from tasks.scheduling import capabilities
from tasks.scheduling.capabilities import BadExpression

SIGNS = ("a", "!", "&", "|", "(", ")")


def meaning(text: str) -> bool | str:
    try:
        capabilities.check(text)
        return capabilities.holds(text, frozenset(("a",)))
    except BadExpression as error:
        return str(error)


def test_no_row_of_signs_gets_through_unread() -> None:
    rows = ["".join(signs) for length in range(1, 6) for signs in product(SIGNS, repeat=length)]
    found = {row: meaning(row) for row in rows}
    assert {row for row, value in found.items() if value is True} >= {"a", "(a)", "a&a", "a|!a", "!(!a)"}
    assert {row for row, value in found.items() if value is False} >= {"!a", "a&!a", "(!a)"}
    assert all(row.count("(") == row.count(")") for row, value in found.items() if isinstance(value, bool))
    assert "is not complete" in str(found["(&a)"])
