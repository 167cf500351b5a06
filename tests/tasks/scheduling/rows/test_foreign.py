"""What outsiders use of a host: memory and cards, with and without knowing whose processes are whose."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.readings import GpuReading
from tasks.scheduling.rows import foreign
from tasks.scheduling.rows.holdings import Holding
from tasks.scheduling.values import Held

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GIB = 1024
HOLD = 30.0


def holds(booked: int, seen: int = 0, *, seconds_ago: float = 3600, **more: Any) -> Holding:
    """Somebody who holds so much of card GPU-a since then and was seen to use `seen` of it."""
    since = NOW - timedelta(seconds=seconds_ago)
    return Holding(Held(), "#1", since, NOW, parts_seen=(("GPU-a", booked * GIB, seen * GIB),), **more)


def outside(used: int, own: int | None, *held: Holding) -> int:
    reading = GpuReading(0, "GPU-a", memory_used_mib=used * GIB, own_mib=None if own is None else own * GIB)
    return foreign.by_card([reading], held)["GPU-a"] // GIB


CARDS = {
    "an idle card": (0, 0, [], 0),
    "an outsider on an idle card": (30, 0, [], 30),
    "an outsider, own use unknown": (30, None, [], 30),
    "what is ours is not foreign": (20, 20, [holds(24, 20)], 0),
    "an outsider beside ours": (38, 8, [holds(24, 8)], 30),
    "within what is booked nothing is suspected when own use is unknown": (20, None, [holds(24, 8)], 0),
    "above what is booked there is an outsider": (30, None, [holds(24, 8)], 6),
    "ours grew over what it booked": (30, None, [holds(24, 30)], 0),
    "an outsider beside a start that took nothing yet": (30, 0, [holds(24, 0, seconds_ago=5)], 30),
    "a reservation takes nothing by itself": (20, 0, [holds(48, 0, seconds_ago=5, reservation_id=7)], 20),
    "what is inside a reservation is not counted twice": (
        30,
        None,
        [holds(20, reservation_id=7), holds(16, inside_id=7)],
        10,
    ),
    "inside grew over what the reservation booked": (
        30,
        None,
        [holds(20, reservation_id=7), holds(16, 28, inside_id=7)],
        2,
    ),
    "beside the reservation": (30, None, [holds(20, reservation_id=7), holds(8)], 2),
}


@pytest.mark.parametrize("name", CARDS)
def test_a_card(name: str) -> None:
    used, own, held, expected = CARDS[name]
    assert outside(used, own, *held) == expected


SETTLING = {
    "a start that shows nothing yet": (holds(24, 0, seconds_ago=5), True),
    "one that was seen": (holds(24, 1, seconds_ago=5), False),
    "one of a while ago": (holds(24, 0, seconds_ago=31), False),
    "a reservation starts nothing": (holds(24, 0, seconds_ago=5, reservation_id=7), False),
    "what starts inside one does": (holds(24, 0, seconds_ago=5, inside_id=7), True),
}


@pytest.mark.parametrize("name", SETTLING)
def test_who_is_waited_for_after_a_start(name: str) -> None:
    holding, settles = SETTLING[name]
    assert foreign.settling([holding], NOW, HOLD) == ({"GPU-a"} if settles else set())


def test_an_outsider_that_leaves_is_forgotten_with_the_next_reading() -> None:
    assert [outside(used, 0) for used in (30, 0)] == [30, 0]


def test_a_card_that_reads_nothing_is_left_alone() -> None:
    assert foreign.by_card([GpuReading(0, "GPU-a")], []) == {}


@pytest.mark.parametrize(
    ("used", "ours", "expected"), [(None, [10], 0), (50, [], 50), (50, [10, 20], 20), (50, [None, 20], 30), (5, [9], 0)]
)
def test_memory(used: int | None, ours: list[int | None], expected: int) -> None:
    held = [Holding(Held(), "#1", NOW, NOW, used_memory_mib=own) for own in ours]
    assert foreign.memory_mib(used, held) == expected
