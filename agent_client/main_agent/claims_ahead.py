"""The claims that go ahead with heartbeats and reports: which nonces, when, and what became of them. Thread-safe.

Sends nothing and starts nothing: what is granted is handed to the beat loop, the one thread that starts scripts.
"""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from agent_client import reply_shapes, wire
from agent_client.system_log import EventLog

log = EventLog(loop="beat")
AT_ONCE = 8
MOST_AGAIN = 64  # what a server takes in one call
ASKED_AGAIN_SECONDS = 60.0  # a call that was given up may still be under way
LONGEST_CALL_SECONDS = 20.0


@dataclass(frozen=True)
class Granted:
    """`sent_at`: when it was asked for, by the clock of leases."""

    nonce: str
    grant: wire.Grant
    sent_at: float


class ClaimsAhead:
    """`incarnations`: empty where none may be made. `wake`: something was granted.

    Each nonce brings at most one grant, while it is awaited: what comes again, or after `close`, may have been executed
    or taken back by then, and is dropped.
    """

    def __init__(
        self, incarnations: list[str], wake: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.incarnations = incarnations
        self._wake = wake
        self._clock = clock
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._seq = 0
        self._under_way = 0
        self._heard: tuple[int, str, int] | None = None  # epoch, generation, commit_seq; None: nothing is claimed
        self._awaited: set[str] = set()
        self._unanswered: dict[str, float] = {}  # those of calls that failed, until when they are asked again
        self._granted: deque[Granted] = deque()

    def open(self, epoch: int, reply: Mapping[str, Any]) -> None:
        """After a heartbeat of this session that was answered with nothing to be compared first."""
        generation, number = reply.get("generation"), reply.get("commit_seq")
        with self._changed:
            is_told = bool(self.incarnations) and isinstance(generation, str) and isinstance(number, int)
            self._heard = (epoch, cast("str", generation), cast("int", number)) if is_told else None

    def close(self, most_seconds: float = LONGEST_CALL_SECONDS) -> bool:
        """Nothing is claimed ahead until `open`, and what was granted until now can be taken. False: there may be more
        that has not arrived, and no longer will; only an inventory settles it."""
        with self._changed:
            self._heard = None
            self._changed.wait_for(lambda: not self._under_way, most_seconds)
            is_settled = not self._awaited
            self._awaited.clear()
            self._unanswered.clear()
            return is_settled

    def ask(self) -> wire.ClaimsAhead | None:
        """To go with a call, which then is to be `answered` or `failed`; None: nothing may be claimed now."""
        with self._changed:
            if self._heard is None:
                return None
            self._seq += 1
            self._under_way += 1
            self._give_up_old()
            count = min(AT_ONCE, MOST_AGAIN - len(self._unanswered))
            nonces = [f"{self.incarnations[-1]}-{next(self._numbers)}" for _ in range(count)]
            self._awaited.update(nonces)
            epoch, generation, commit_seq = self._heard
            return {
                "epoch": epoch,
                "seq": self._seq,
                "nonces": nonces,
                "again": list(self._unanswered),
                "generation": generation,
                "commit_seq": commit_seq,
            }

    def answered(
        self,
        asked: wire.ClaimsAhead | None,
        reply: Mapping[str, Any],
        sent_at: float,
        *,
        is_doubled: bool = False,
        wakes: bool = True,
    ) -> None:
        """By a server that knows no such claims there is nothing in `reply` about them. `is_doubled`: the call was sent
        twice, and what the first was granted may be lost. `wakes`: false for who takes what was granted anyway."""
        if asked is None:
            return
        rows = list(_usable(reply.get("granted")))
        with self._changed:
            found = [Granted(row["nonce"], row["grant"], sent_at) for row in rows if self._arrives(row["nonce"])]
            self._granted += found
            if is_doubled:
                self._ask_again(asked)
            self._awaited.difference_update(set(asked["nonces"]) - self._unanswered.keys())
            self._ended()
        if found and wakes:
            self._wake()

    def failed(self, asked: wire.ClaimsAhead | None) -> None:
        """Whether something was granted is not known: it is asked again."""
        if asked is None:
            return
        with self._changed:
            self._ask_again(asked)
            self._ended()

    def take(self) -> list[Granted]:
        """What was granted since."""
        with self._changed:
            found = list(self._granted)
            self._granted.clear()
            return found

    def _ask_again(self, asked: wire.ClaimsAhead) -> None:
        until = self._clock() + ASKED_AGAIN_SECONDS
        self._unanswered |= {nonce: until for nonce in asked["nonces"] if nonce in self._awaited}
        while len(self._unanswered) > MOST_AGAIN:  # calls failed at the same time
            self._give_up(next(iter(self._unanswered)))

    def _arrives(self, nonce: str) -> bool:
        """For the first time."""
        is_awaited = nonce in self._awaited
        self._awaited.discard(nonce)
        self._unanswered.pop(nonce, None)
        return is_awaited

    def _give_up_old(self) -> None:
        now = self._clock()
        for nonce in [nonce for nonce, until in self._unanswered.items() if until <= now]:
            self._give_up(nonce)

    def _give_up(self, nonce: str) -> None:
        """Should something be granted under it, the server asks what became of that."""
        del self._unanswered[nonce]
        self._awaited.discard(nonce)

    def _ended(self) -> None:
        self._under_way -= 1
        self._changed.notify_all()


def _usable(rows: Any) -> Iterator[Any]:
    """What cannot be used is as if it had not come: the server takes it back when it is not started."""
    for row in rows if isinstance(rows, list) else []:
        problem = reply_shapes.problem(row, reply_shapes.GRANTED_AHEAD)
        if problem:
            log.error("granted_strangely", detail=problem)
        else:
            yield row
