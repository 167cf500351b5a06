"""A crowd stays until it is sent away; one that leaves or fails before is noticed."""

import asyncio

import pytest

from benchmarks.crowd import crowd


async def test_all_are_sent_away_at_the_end() -> None:
    left: list[str] = []

    async def stay() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            left.append("left")

    async with crowd(stay() for _ in range(3)) as here:
        await here.watch(0.01)
        assert left == []
    assert left == ["left"] * 3


async def test_an_error_of_one_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        async with crowd([asyncio.sleep(3600), fail()]) as here:
            await here.watch(60)


async def test_nobody_may_leave() -> None:
    async def leave() -> None:
        return

    with pytest.raises(RuntimeError, match="has left"):
        async with crowd([asyncio.sleep(3600), leave()]) as here:
            await here.watch(60)
