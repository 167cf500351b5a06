"""In what order agents' requests get a thread, and which are told to come again: when more comes than can be served,
results go before everything else, output comes last. Decides by path and body; the agent need not say anything.
"""

import asyncio
import heapq
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from django.http import HttpResponse

from scheduler_site.body_limits import AGENT_PREFIX
from scheduler_site.shared.identity import instance_id
from tasks.agent_messages import has_result

EDGES = (b'"started":{', b'"started": {', b'"log_close":[{', b'"log_close": [{')  # once or twice in an attempt
FIRST_GUESS_SECONDS = 0.01
WEIGHT_OF_NEW = 0.05


class Rank(IntEnum):
    """The order of importance, the first first."""

    RESULT = 0
    CLAIM = 1
    SESSION = 2
    BEAT = 3
    REPORT = 4
    OUTPUT = 5


# An exchange of an agent takes at most 15 s, an upload 60 s: whoever waits longer waits for nobody.
PATIENCE_SECONDS = {
    Rank.RESULT: 12.0,
    Rank.CLAIM: 10.0,
    Rank.SESSION: 8.0,
    Rank.BEAT: 5.0,
    Rank.REPORT: 3.0,
    Rank.OUTPUT: 3.0,
}


def rank_of(path: str, body: bytes) -> Rank:
    call = path.removeprefix(AGENT_PREFIX).rstrip("/")
    if call == "report":
        return _rank_of_report(body)
    if call == "session":
        return Rank.SESSION
    if call in ("heartbeat", "wait"):
        return Rank.BEAT
    return Rank.OUTPUT if call.endswith("/log") else Rank.CLAIM


def _rank_of_report(body: bytes) -> Rank:
    if has_result(body):
        return Rank.RESULT
    return Rank.CLAIM if any(mark in body for mark in EDGES) else Rank.REPORT


class Busy(Exception):
    """There is no room for this request now."""

    def __init__(self, again_in_seconds: int) -> None:
        super().__init__(again_in_seconds)
        self.again_in_seconds = again_in_seconds


LetIn = Callable[[], None]
SendAway = Callable[[Busy], None]


@dataclass(eq=False)
class Waiting:
    """One that has no place yet. It waits no more when it has no `let_in`, and keeps no request then."""

    rank: Rank
    let_in: LetIn | None
    timer: asyncio.TimerHandle


class Admission:
    """`places` requests at a time; the others wait in the order of their ranks, as long as their patience lasts. Asked
    from the event loop, by functions that it calls: most find a place, and need no coroutine for that."""

    def __init__(self, places: int) -> None:
        self._places = self._free = places
        self._waiting: list[tuple[Rank, int, Waiting]] = []
        self._count: Counter[Rank] = Counter()
        self._numbers = itertools.count()
        self._seconds = FIRST_GUESS_SECONDS

    def per_second(self) -> float:
        """How many it can serve, by how long they took lately."""
        return self._places / self._seconds

    def ask(self, rank: Rank, let_in: LetIn, send_away: SendAway) -> Waiting | None:
        """One of the two is called: `let_in` at once where a place is free, and whoever is let in has to leave;
        `send_away` later than this returns, when it would take too long, or has. What is given back can withdraw."""
        if self._free:
            self._free -= 1
            let_in()
            return None
        if self._expected_seconds(rank) > PATIENCE_SECONDS[rank]:
            asyncio.get_running_loop().call_soon(send_away, self._busy(rank))
            return None
        return self._wait(rank, let_in, send_away)

    def leave(self, after_seconds: float) -> None:
        """The place of one that is served goes to the most important that waits."""
        self._seconds += WEIGHT_OF_NEW * (after_seconds - self._seconds)
        while self._waiting:
            _, _, waiting = heapq.heappop(self._waiting)
            if (let_in := self.withdraw(waiting)) is not None:
                let_in()
                return
        self._free += 1

    def withdraw(self, waiting: Waiting) -> LetIn | None:
        """What would have let it in, if it still waited. Its entry stays until its turn comes."""
        let_in, waiting.let_in = waiting.let_in, None
        if let_in is not None:
            waiting.timer.cancel()
            self._count[waiting.rank] -= 1
        return let_in

    def _wait(self, rank: Rank, let_in: LetIn, send_away: SendAway) -> Waiting:
        def give_up() -> None:
            busy = self._busy(rank)
            self.withdraw(waiting)
            send_away(busy)

        waiting = Waiting(rank, let_in, asyncio.get_running_loop().call_later(PATIENCE_SECONDS[rank], give_up))
        heapq.heappush(self._waiting, (rank, next(self._numbers), waiting))
        self._count[rank] += 1
        return waiting

    def _expected_seconds(self, rank: Rank) -> float:
        before = sum(count for other, count in self._count.items() if other <= rank)
        return (before + 1) * self._seconds / self._places

    def _busy(self, rank: Rank) -> Busy:
        """At random, so that those who are sent away together do not come back together."""
        return Busy(random.randint(1, 2 + int(2 * self._expected_seconds(rank))))  # noqa: S311 (no secret)


def busy_answer(busy: Busy) -> HttpResponse:
    """As the protocol wants it: agents obey Retry-After."""
    body = json.dumps({"code": "busy", "detail": "More comes than can be served now; try again."})
    headers = {"Retry-After": str(busy.again_in_seconds), "X-Instance": instance_id()}
    return HttpResponse(body, status=503, content_type="application/json", headers=headers)
