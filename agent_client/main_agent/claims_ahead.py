"""The claims that go ahead with heartbeats and reports: which nonces, when, and what became of them. Thread-safe.

Sends nothing and starts nothing: what is granted is handed to the beat loop, the one thread that starts scripts.
"""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from agent_client import reply_shapes, wire
from agent_client.system_log import EventLog

log = EventLog(loop="beat")
AT_ONCE = 8
ASKED_AGAIN_SECONDS = 60.0  # a call that was given up may still be under way
LONGEST_CALL_SECONDS = 20.0


@dataclass(frozen=True)
class Granted:
    """`sent_at`: when it was asked for, by the clock of leases."""

    nonce: str
    grant: wire.Grant
    sent_at: float


class ClaimsAhead:
    """`incarnations`: empty where none may be made. `wake`: something was granted."""

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
        self._unanswered: dict[str, float] = {}  # by nonce, until when it is asked again
        self._granted: deque[Granted] = deque()

    def open(self, epoch: int, reply: Mapping[str, Any]) -> None:
        """After a heartbeat of this session that was answered with nothing to be compared first."""
        generation, number = reply.get("generation"), reply.get("commit_seq")
        with self._changed:
            is_told = bool(self.incarnations) and isinstance(generation, str) and isinstance(number, int)
            self._heard = (epoch, cast("str", generation), cast("int", number)) if is_told else None

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Nothing is claimed ahead until `open`, and nothing is under way: the inventory may be taken, or the last word
        said. What was not answered until now is settled by the session."""
        with self._changed:
            self._heard = None
            self._changed.wait_for(lambda: not self._under_way, LONGEST_CALL_SECONDS)
            self._unanswered.clear()
        yield

    def ask(self) -> wire.ClaimsAhead | None:
        """To go with a call, which then is to be `answered` or `failed`; None: nothing may be claimed now."""
        with self._changed:
            if self._heard is None:
                return None
            self._seq += 1
            self._under_way += 1
            now = self._clock()
            self._unanswered = {nonce: until for nonce, until in self._unanswered.items() if until > now}
            epoch, generation, commit_seq = self._heard
            return {
                "epoch": epoch,
                "seq": self._seq,
                "nonces": [f"{self.incarnations[-1]}-{next(self._numbers)}" for _ in range(AT_ONCE)],
                "again": list(self._unanswered),
                "generation": generation,
                "commit_seq": commit_seq,
            }

    def answered(self, asked: wire.ClaimsAhead | None, reply: Mapping[str, Any], sent_at: float) -> None:
        """By a server that knows no such claims there is nothing in `reply` about them."""
        if asked is None:
            return
        found = [Granted(row["nonce"], row["grant"], sent_at) for row in _usable(reply.get("granted"))]
        with self._changed:
            self._ended()
            self._granted += found
            for one in found:
                self._unanswered.pop(one.nonce, None)
        if found:
            self._wake()

    def failed(self, asked: wire.ClaimsAhead | None) -> None:
        """Whether something was granted is not known: it is asked again."""
        if asked is None:
            return
        until = self._clock() + ASKED_AGAIN_SECONDS
        with self._changed:
            self._ended()
            self._unanswered |= dict.fromkeys(asked["nonces"], until)

    def take(self) -> list[Granted]:
        """What was granted since."""
        with self._changed:
            found = list(self._granted)
            self._granted.clear()
            return found

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
