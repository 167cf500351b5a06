"""The tables of the expected leftover, against the recursion written down plainly."""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.scheduling.policies import leftover
from tasks.scheduling.policies.demand import Asked, CardKind, Mix
from tasks.scheduling.policies.leftover import NOTHING_MORE, Piece

KIND = CardKind("T4", 1000)
asked_kinds = st.builds(
    Asked,
    cores=st.integers(0, 1200),
    cards=st.integers(0, 4),
    part_mib=st.one_of(st.none(), st.integers(1, 1000)),
    least_mib=st.just(0),
    types=st.sampled_from([(), ("t4",), ("v100",)]),
)
mixes = st.dictionaries(asked_kinds, st.floats(0.01, 1.0), max_size=5).map(
    lambda found: Mix({kind: part / sum(found.values()) for kind, part in found.items()})
)


def expected_rest_of_a_card(pieces: dict[Piece, float], steps: int, free: int) -> float:
    """In thousandths, for `free` steps of a card and so many steps of CPU."""

    @cache
    def rest(steps: int, free: int) -> float:
        sized = [(piece, leftover._size(piece.milli, leftover.CARD_STEPS), part) for piece, part in pieces.items()]
        fitting = [found for found in sized if found[0].steps <= steps and found[1] <= free]
        if not any(size for _, size, _ in fitting):
            return float(free)
        total = NOTHING_MORE + sum(weight for *_, weight in fitting)
        kept = sum(weight * rest(steps - piece.steps, free - size) for piece, size, weight in fitting)
        return (NOTHING_MORE * free + kept) / total

    return rest(steps, free) * 1000 / leftover.CARD_STEPS


@given(mixes, st.integers(0, 30), st.integers(0, 120))
@settings(deadline=None, max_examples=50)
def test_the_rest_of_one_card_is_what_the_recursion_says(mix: Mix, steps: int, free: int) -> None:
    pieces, _ = leftover._split(mix, KIND, 50.0)
    table = leftover.build(mix, KIND, 8, 100).card
    assert abs(table[steps, free] - expected_rest_of_a_card(dict(pieces), steps, free)) < 1e-6


@given(mixes)
@settings(deadline=None, max_examples=50)
def test_never_more_is_left_than_there_is_and_never_less_than_nothing(mix: Mix) -> None:
    tables = leftover.build(mix, KIND, 8, 100)
    for table, step in ((tables.card, 1000 / leftover.CARD_STEPS), (tables.cores, 1000 / leftover.MASS_STEPS)):
        most = [column * step for column in range(table.shape[1])]
        assert (table >= -1e-9).all()
        assert (table <= [value + 1e-6 for value in most]).all()


@given(mixes)
@settings(deadline=None, max_examples=50)
def test_more_idle_cards_and_cores_lose_fewer_requests_of_several(mix: Mix) -> None:
    whole = leftover.build(mix, KIND, 8, 100).whole
    assert (whole[:, 1:] <= whole[:, :-1]).all()
    assert (whole[1:] <= whole[:-1]).all()


def test_without_cpu_all_of_a_card_is_left() -> None:
    mix = Mix({Asked(100, 1, None, 0, ()): 1.0})
    table = leftover.build(mix, KIND, 8, 100).card
    assert table[0, 120] == table[1, 120] == 1000
    assert table[2, 120] < 1000


def test_a_rest_that_no_request_fills_is_left_whatever_the_cpu() -> None:
    mix = Mix({Asked(50, 1, 600, 0, ()): 1.0})
    table = leftover.build(mix, KIND, 8, 100).card
    assert table[200, 48] == 400
    assert 400 <= table[200, 120] < 425


def test_nothing_learned_yet_is_no_error() -> None:
    tables = leftover.build(Mix({}), KIND, 8, 100)
    assert tables.card[50, 120] == 1000


def test_three_thirds_of_a_card_leave_nothing() -> None:
    """16384 MiB are not divisible by 3; what is rounded is rounded alike on both sides."""
    mix = Mix({Asked(50, 1, 5461, 0, ()): 1.0})
    table = leftover.build(mix, CardKind("T4", 16384), 8, 100).card
    assert table[200, 120] < 25
