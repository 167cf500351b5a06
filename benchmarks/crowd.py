"""Many simulated clients at once in one event loop, until they are sent away. One that ends before spoils the
measurement: its error is raised.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any


class Crowd:
    def __init__(self, members: Iterable[Coroutine[Any, Any, None]]) -> None:
        self._tasks = [asyncio.create_task(member) for member in members]

    async def watch(self, seconds: float) -> None:
        """Returns after that time."""
        clock = asyncio.create_task(asyncio.sleep(seconds))
        await asyncio.wait([clock, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        clock.cancel()
        for task in self._tasks:
            if task.done():
                task.result()
                raise RuntimeError("A simulated client has left.")

    async def send_away(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def crowd(members: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[Crowd]:
    made = Crowd(members)
    try:
        yield made
    finally:
        await made.send_away()
