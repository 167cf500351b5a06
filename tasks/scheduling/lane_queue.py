"""The queue as lanes: tasks that are alike stand behind each other, and only the first of each lane is compared.

A lane is one user, one priority, one shape and one expected run time. When its first finds no room the whole lane is
left alone for the rest of the pass, so that 100,000 waiting tasks of a few kinds cost as much as a few. Pure: whoever
makes a lane says how to get more of it.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tasks.scheduling import order
from tasks.scheduling.order import AGEING_HOURS, Claim, Key
from tasks.scheduling.values import Request

Waiting = tuple[Claim, Request]


@dataclass(slots=True)
class Lane:
    """`first`: its beginning, in order; `more`: the next ones, nothing when there are none."""

    owner: int | None
    first: Iterable[Waiting]
    more: Callable[[], Iterable[Waiting]] = field(default=lambda: ())


class LaneQueue:
    """`used`: the share of each user at the beginning of the pass; it grows with what the pass gives them."""

    def __init__(
        self, lanes: Iterable[Lane], used: dict[int | None, float], ageing_hours: float = AGEING_HOURS
    ) -> None:
        self._used = dict(used)
        self._ageing_hours = ageing_hours
        self._heap: list[tuple[Key, int]] = []
        self._lanes = list(lanes)
        self._waiting = [deque(lane.first) for lane in self._lanes]
        self._current = -1
        for number in range(len(self._lanes)):
            self._push(number)

    def next(self) -> Request | None:
        """A user's share only grows in a pass, so a key on the heap can only be too low: it is renewed when it comes
        up."""
        self._go_on()
        while self._heap:
            key, number = self._heap[0]
            now = self._key(number)
            if now == key:
                self._current = heapq.heappop(self._heap)[1]
                return self._waiting[self._current].popleft()[1]
            heapq.heapreplace(self._heap, (now, number))
        return None

    def refused(self, request: Request) -> None:
        """The lane of the request just offered rests until the next pass."""
        self._current = -1

    def placed(self, request: Request, share: float) -> None:
        self._used[request.owner] = self._used.get(request.owner, 0.0) + share

    def _go_on(self) -> None:
        """The lane that was served last stands in line again."""
        if self._current >= 0:
            number, self._current = self._current, -1
            self._push(number)

    def _push(self, number: int) -> None:
        if not self._waiting[number]:
            self._waiting[number].extend(self._lanes[number].more())
        if self._waiting[number]:
            heapq.heappush(self._heap, (self._key(number), number))

    def _key(self, number: int) -> Key:
        claim = self._waiting[number][0][0]
        return order.key(claim, self._used.get(self._lanes[number].owner, 0.0), self._ageing_hours)
