"""Carries the entries of this host's sub agents to the server: all that wait go in one request, one after the other.

Two lanes, so that a result never waits behind the bulk of others. What comes while a request is under way waits for
the next one, so that a slow server gets fewer and larger requests. It reads no entry, tries nothing twice and keeps
nothing: what went wrong is told to those who wait.
"""

import contextlib
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from agent_client import relay
from agent_client.http import AgentHttp, NetworkFailure, ProtocolError, UnusableReply
from agent_client.main_agent.context import Context
from agent_client.retry import Backoff
from agent_client.sub_agent.lease import boottime
from agent_client.system_log import EventLog

log = EventLog(loop="relay")

MOST_ENTRIES = 64
MOST_BYTES = 512 * 1024  # well below what servers and proxies take
GATHER_SECONDS = 0.03
LATELY_SECONDS = 1.2
SHORTEST_BEAT_SECONDS = 1.0


class Waiter:
    """A sub agent that has handed over its entry and waits for the answer. Used by several threads."""

    def __init__(self, connection: socket.socket, entry: bytes) -> None:
        self.entry = entry
        self._connection = connection
        self._lock = threading.Lock()
        self.is_over = False

    def sign(self) -> None:
        """Tell it that its entry is in good hands."""
        with self._lock:
            if not self.is_over:
                self._send(relay.SIGN)

    def answer(self, message: dict[str, Any]) -> None:
        with self._lock:
            if not self.is_over:
                self._send(relay.line(message))
                self._hang_up()

    def has_gone(self) -> bool:
        """It would not hear the answer: it has sent the entry by itself, or is dead."""
        with self._lock:
            if not self.is_over:
                try:
                    if self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"":
                        self._hang_up()
                except BlockingIOError:
                    pass
                except OSError:
                    self._hang_up()
            return self.is_over

    def _send(self, data: bytes) -> None:
        """Never waits: an answer is much smaller than what the kernel holds for who does not read."""
        try:
            sent = self._connection.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            sent = 0
        if sent != len(data):
            self._hang_up()

    def _hang_up(self) -> None:
        self.is_over = True
        with contextlib.suppress(OSError):
            self._connection.close()


class Grid:
    """When the sub agents of this host are to beat: together, so that one request carries all, and not in step with
    other hosts."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._phase = random.random()  # noqa: S311 (no secret)

    def seconds(self, period: float) -> float:
        """Until the next beat that is at least half a period away."""
        period = max(SHORTEST_BEAT_SECONDS, period)
        position = (self._clock() / period + self._phase) % 1.0
        return period * ((1.0 if position <= 0.5 else 2.0) - position)


class Lane:
    def __init__(
        self, context: Context, grid: Grid, *, gathers: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`gathers`: who comes first waits a moment for the others that beat at the same time."""
        self._context = context
        self._claims_ahead = not gathers  # where results go, there is room for more
        self._http: AgentHttp = context.identity.http()
        self._grid = grid
        self._gathers = gathers
        self._clock = clock
        self._waiting: deque[Waiter] = deque()
        self._came: deque[float] = deque()
        self._changed = threading.Condition()
        self._backoff = Backoff()

    def hand(self, waiter: Waiter) -> None:
        with self._changed:
            self._waiting.append(waiter)
            if self._gathers:
                self._came.append(self._clock())
            self._changed.notify()

    def run(self) -> None:
        while True:
            self.turn()

    def close(self) -> None:
        self._http.close()

    def turn(self, most_seconds: float | None = None) -> None:
        """Wait for entries, carry one request of them, and answer."""
        batch = [waiter for waiter in self._next_batch(most_seconds) if not waiter.has_gone()]
        if batch:
            self._carry(batch)

    def _next_batch(self, most_seconds: float | None) -> list[Waiter]:
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting, most_seconds):
                return []
            if self._gathers:
                self._changed.wait_for(lambda: len(self._waiting) >= self._expected(), GATHER_SECONDS)
            batch = [self._waiting.popleft()]
            size = len(batch[0].entry)
            while self._waiting and len(batch) < MOST_ENTRIES:
                size += len(self._waiting[0].entry)
                if size > MOST_BYTES:
                    break
                batch.append(self._waiting.popleft())
            return batch

    def _expected(self) -> int:
        """As many as came lately: whoever is alone waits for nobody."""
        while self._came and self._came[0] < self._clock() - LATELY_SECONDS:
            self._came.popleft()
        return min(len(self._came), MOST_ENTRIES)

    def _carry(self, batch: list[Waiter]) -> None:
        self._http.use(self._context.identity.credential)
        asked = self._context.ahead.ask() if self._claims_ahead else None
        sent_at = boottime()
        try:
            reply: Any = self._http.report_entries([waiter.entry for waiter in batch], asked)
        except (NetworkFailure, ProtocolError) as error:
            self._context.ahead.failed(asked)
            self._tell(batch, error)
            return
        self._context.ahead.answered(asked, reply, sent_at, is_doubled=self._http.was_doubled)
        self._backoff.reset()
        if len(reply["replies"]) != len(batch):
            self._refuse(batch, "the server answered another number of entries than it was sent")
            return
        for_all = {name: value for name, value in reply.items() if name != "granted"}  # that is ours, and may be large
        for waiter, own in zip(batch, reply["replies"], strict=True):
            beat_in_seconds = self._grid.seconds(reply["next_in_seconds"])
            waiter.answer({"reply": {**for_all, "replies": [own], "beat_in_seconds": beat_in_seconds}})

    def _tell(self, batch: list[Waiter], error: NetworkFailure | ProtocolError) -> None:
        """A server that is away or busy is so for all of them; what it will not have from us, it may have from them."""
        is_away = isinstance(error, NetworkFailure) and not isinstance(error, UnusableReply)
        if not is_away and not relay.is_busy(error.status):
            self._refuse(batch, str(error))
            return
        failure = {"status": error.status, "code": getattr(error, "code", ""), "detail": error.detail}
        failure["retry_in_seconds"] = self._backoff.after(error)  # the same for all: they come again in one request
        for waiter in batch:
            waiter.answer({"failure": failure})

    def _refuse(self, batch: list[Waiter], why: str) -> None:
        log.warning("not_relayed", entries=len(batch), detail=why)
        for waiter in batch:
            waiter.answer({"refused": why})
