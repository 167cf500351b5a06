"""Whether a request fits a host, on which cards, what is missing otherwise, and what booking takes."""

from typing import Any

import pytest

from tasks.scheduling import cards as gpu_cards
from tasks.scheduling import fit
from tasks.scheduling.values import Card, Ending, Held, Host, Request, Shape


def host(*cards: Card, **more: Any) -> Host:
    values: dict[str, Any] = {"total_centicores": 400, "free_centicores": 200, "total_memory_mib": 8192}
    values |= {"free_memory_mib": 4096, **more}
    return Host("id", "box", cards=list(cards), **values)


def card(gpu_id: int = 1, free: int | None = 40960, total: int | None = 40960, holders: int = 0) -> Card:
    return Card(gpu_id, gpu_id, total, free, holders)


def asks(cores: int = 100, **more: Any) -> Shape:
    return Shape(cores, **more)


def wants(cores: int = 100, **more: Any) -> Request:
    return Request(1, asks(cores, **more))


FITS = {
    "just the cores": (asks(200), host()),
    "no cores on a full host": (asks(0), host(free_centicores=0)),
    "just the memory": (asks(memory_mib=4096), host()),
    "no memory asked, none known": (asks(), host(free_memory_mib=None, total_memory_mib=None)),
    "any card, size unknown": (asks(gpu_count=1), host(card(free=None, total=None))),
    "a card of just that size": (asks(gpu_count=1, gpu_memory_mib=40960), host(card())),
    "two of three": (asks(gpu_count=2), host(card(1), card(2, holders=1), card(3))),
    "the rest of a shared card": (
        asks(gpu_count=1, gpu_memory_mib=10, gpu_share=True),
        host(card(free=10, holders=3)),
    ),
}


@pytest.mark.parametrize("name", FITS)
def test_fits(name: str) -> None:
    assert fit.refusal(*FITS[name]) is None


REFUSED = {
    "cores now": (asks(201), host(), "has 2 of 4 CPU cores free", False),
    "cores ever": (asks(401), host(), "has 4 CPU cores in all", True),
    "cores of an overbooked host": (asks(1), host(free_centicores=-50), "has 0 of 4 CPU cores free", False),
    "memory now": (asks(memory_mib=4097), host(), "has 4 GiB of memory free", False),
    "memory ever": (asks(memory_mib=8193), host(), "has 8 GiB of memory in all", True),
    "memory unknown": (asks(memory_mib=1), host(free_memory_mib=None), "does not know its memory", False),
    "no card": (asks(gpu_count=1), host(), "has no GPU", True),
    "too few cards": (asks(gpu_count=3), host(card(1), card(2)), "has 2 GPUs in all", True),
    "cards too small": (
        asks(gpu_count=1, gpu_memory_mib=50_000),
        host(card()),
        "has 0 GPUs with 48.8 GiB",
        True,
    ),
    "cards taken": (asks(gpu_count=2), host(card(1), card(2, holders=1)), "has 1 such GPU free", False),
    "size unknown, minimum asked": (
        asks(gpu_count=1, gpu_memory_mib=1),
        host(card(free=None, total=None)),
        "has 0 GPUs with 0.000977 GiB",
        True,
    ),
    "no room on the shared card": (
        asks(gpu_count=1, gpu_memory_mib=11, gpu_share=True),
        host(card(free=10, holders=1)),
        "has 0 such GPUs free",
        False,
    ),
    "a whole card is not shared": (
        asks(gpu_count=1, gpu_memory_mib=11, gpu_share=True),
        host(card(free=0, holders=1)),
        "has 0 such GPUs free",
        False,
    ),
    "that very card": (
        asks(gpu_count=1, gpu_indices=(2,)),
        host(card(1), card(2, holders=1), card(3, holders=1)),
        "has GPU 2 in use",
        False,
    ),
    "the host to itself": (
        asks(whole_host=True),
        host(holders=2, endings=[Ending(60.0, Held(), "reservation 3"), Ending(60.0, Held(), "#41")]),
        "is in use by #41, reservation 3",
        False,
    ),
    "the host to itself among many": (
        asks(whole_host=True),
        host(holders=5, endings=[Ending(60.0, Held(), f"#{number}") for number in range(41, 46)]),
        "is in use by #41, #42, #43 and 2 more",
        False,
    ),
    "a shared card is not whole": (asks(gpu_count=1), host(card(free=40950, holders=1)), "has 0 such GPUs free", False),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    request, on, reason, is_final = REFUSED[name]
    refusal = fit.refusal(request, on)
    assert refusal is not None
    assert (refusal.host, refusal.reason, refusal.is_final) == ("box", reason, is_final)


def test_the_smallest_cards_that_do_and_never_one_that_is_taken() -> None:
    cards = [card(1, 80, 80), card(2, 40, 40), card(3, 20, 20), card(4, 10, 10, holders=1)]
    assert gpu_cards.choose(asks(gpu_count=2), host(*cards)) == (3, 2)
    assert gpu_cards.choose(asks(gpu_count=1, gpu_memory_mib=30), host(*cards)) == (2,)


def test_the_fullest_shared_card_that_does() -> None:
    cards = [card(1, 80, 80), card(2, 30, 80, holders=1), card(3, 5, 80, holders=4)]
    assert gpu_cards.choose(asks(gpu_count=1, gpu_memory_mib=20, gpu_share=True), host(*cards)) == (2,)


def test_booking_takes_what_was_asked() -> None:
    on = host(card(1), card(2))
    fit.book(wants(150, memory_mib=1000, gpu_count=1), on, (1,))
    assert (on.free_centicores, on.free_memory_mib) == (50, 3096)
    assert [(each.free_mib, each.holders) for each in on.cards] == [(0, 1), (40960, 0)]
    fit.book(wants(0, gpu_count=1, gpu_memory_mib=960, gpu_share=True), on, (2,))
    assert [(each.free_mib, each.holders) for each in on.cards] == [(0, 1), (40000, 1)]


def test_booking_on_a_host_of_unknown_sizes() -> None:
    on = host(card(1, None, None), free_memory_mib=None, total_memory_mib=None)
    fit.book(wants(gpu_count=1), on, (1,))
    assert (on.free_memory_mib, on.cards[0].free_mib, on.cards[0].holders) == (None, None, 1)


def test_with_a_start_hold_the_next_sharer_waits_until_the_first_is_seen() -> None:
    on = host(card(1))
    on.cards[0].has_start_hold = True
    part = {"gpu_count": 1, "gpu_memory_mib": 1000, "gpu_share": True}
    fit.book(wants(0, **part), on, (1,))
    refused = fit.refusal(asks(0, **part), on)
    assert refused is not None
    assert refused.reason == (
        "has 0 such GPUs free (GPU 1: a task started there a moment ago, its memory is not seen yet)"
    )
    on.cards[0].settles = False
    assert fit.refusal(asks(0, **part), on) is None


def test_whoever_has_a_reserved_part_to_himself_holds_the_part_and_not_the_card() -> None:
    part = card(1, free=9, total=9)
    part.is_part = True
    on = host(part, card(2))
    shape = asks(0, gpu_count=1, gpu_memory_mib=9, gpu_share=True, whole_host=True)
    assert gpu_cards.choose(shape, on) == (1, 2)
    assert fit.held_by(shape, on, (1, 2)).gpus == ((1, 9), (2, None))
