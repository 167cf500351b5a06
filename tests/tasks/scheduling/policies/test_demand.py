"""What is asked for of late: counted as it comes, looked at now and then, forgotten slowly."""

import pytest

from tasks.scheduling.policies import demand
from tasks.scheduling.policies.demand import Asked, CardKind, Demand, free_milli, milli_of
from tasks.scheduling.values import Card, Shape

A100 = CardKind("NVIDIA A100-SXM4-80GB", 81920)
WHOLE = Asked(100, 1, None, 0, ())
PART = Asked(100, 1, 8192, 0, ())


def test_the_mix_is_the_part_of_each_kind_whatever_else_the_requests_want() -> None:
    seen = Demand()
    for memory in (1, 2, 3):
        seen.learn(Shape(100, memory, gpu_count=1))
    seen.learn(Shape(200))
    assert dict(seen.look()) == {Asked(100, 1, None, 0, ()): 0.75, Asked(200, 0, None, 0, ()): 0.25}


def test_it_is_due_after_the_first_then_when_the_number_has_doubled() -> None:
    seen, looks = Demand(), []
    for number in range(1, 101):
        seen.learn(Shape(100))
        if seen.is_due:
            looks.append(number)
            seen.look()
    assert looks == [1, 21, 42, 84]


def test_what_is_no_longer_asked_for_fades() -> None:
    seen = Demand()
    for _ in range(demand.REMEMBERED):
        seen.learn(Shape(100))
    for _ in range(5 * demand.REMEMBERED):
        seen.learn(Shape(200))
    parts = dict(seen.look())
    assert parts.get(Asked(100, 0, None, 0, ()), 0.0) < 0.02


@pytest.mark.parametrize(
    ("asked", "kind", "milli"),
    [
        (WHOLE, A100, 1000),
        (PART, A100, 100),
        (Asked(100, 1, 8193, 0, ()), A100, 101),
        (Asked(100, 1, 81921, 0, ()), A100, None),
        (Asked(100, 2, None, 81920, ()), A100, 1000),
        (Asked(100, 2, None, 81921, ()), A100, None),
        (Asked(100, 1, None, 0, ("a100",)), A100, 1000),
        (Asked(100, 1, None, 0, ("a10", "t4")), A100, None),
        (WHOLE, CardKind("unknown", None), 1000),
        (PART, CardKind("unknown", None), None),
    ],
)
def test_how_much_of_a_card_a_request_takes(asked: Asked, kind: CardKind, milli: int | None) -> None:
    assert milli_of(asked, kind) == milli


def test_free_parts_of_cards() -> None:
    assert free_milli(Card(1, 0, 49152, 49152)) == 1000
    assert free_milli(Card(1, 0, 49152, 48640, foreign_mib=512)) == 1000
    assert free_milli(Card(1, 0, 49152, 24576, holders=1)) == 500
    assert free_milli(Card(1, 0, 49152, -5, holders=1)) == 0
    assert free_milli(Card(1, 0, None, None, holders=1)) == 0
