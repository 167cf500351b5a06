"""A host that is only calls: beats, one report a second with what its tasks use (or both as the server asks), the
doorbell. In an open loop: a call is due at its time however slow the answers are, and its latency counts from then.
"""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from agent_client.main_agent.beat_loop import stretched
from agent_client.main_agent.relay_lane import Grid
from tests.chaos.fleet.client import WAIT_SECONDS, Caller, NoAnswer

REPORT_SECONDS, FIRST_BEAT_SECONDS = 1.0, 2.0


@dataclass
class Calls:
    """Of one kind, by all hosts, that were due in the time that is looked at."""

    seconds: list[float] = field(
        default_factory=list
    )  # from when it was due to its answer, or until nobody waited more
    refused: int = 0  # told to come again, or the connection broke
    unanswered: int = 0  # at the end
    asked: list[float] = field(default_factory=list)  # next_in_seconds of the replies

    @property
    def answered(self) -> int:
        return len(self.seconds) - self.unanswered


@dataclass
class Heard:
    since: float
    until: float
    beats: Calls = field(default_factory=Calls)
    reports: Calls = field(default_factory=Calls)

    def counts(self, due: float) -> bool:
        return self.since <= due < self.until


@dataclass
class Host:
    port: int
    credential: str
    epoch: int
    entries: list[dict[str, Any]]
    resources: dict[str, Any]
    heard: Heard
    beat_seconds: float | None  # None: beats and reports as the server asks

    async def run(self) -> None:
        """Until it is canceled."""
        callers = [Caller(self.port, self.credential) for _ in range(3)]
        beating, reporting, listening = callers
        try:
            await asyncio.gather(self._beat(beating), self._report(reporting), self._listen(listening))
        finally:
            for caller in callers:
                caller.close()

    async def _beat(self, caller: Caller) -> None:
        calls = Due(self.heard, self.heard.beats, self.beat_seconds or FIRST_BEAT_SECONDS)
        async for number in calls:
            beat = {"epoch": self.epoch, "seq": number, "resources": self.resources, "accepts_work": True}
            reply = await calls.timed(caller, "heartbeat", beat)
            if reply is not None and self.beat_seconds is None:
                calls.every_seconds = stretched(reply["next_in_seconds"])

    async def _report(self, caller: Caller) -> None:
        calls, grid = Due(self.heard, self.heard.reports, REPORT_SECONDS), Grid()
        async for number in calls:
            reply = await calls.timed(caller, "report", {"entries": self._used(number)})
            if reply is not None and (codes := {one["code"] for one in reply["replies"]} - {"ok"}):
                raise RuntimeError(f"A report was answered {codes}.")
            if reply is not None and self.beat_seconds is None:
                calls.every_seconds = grid.seconds(reply["next_in_seconds"])

    async def _listen(self, caller: Caller) -> None:
        while True:
            await caller.ask("GET", f"wait?epoch={self.epoch}", seconds=WAIT_SECONDS)

    def _used(self, number: int) -> list[dict[str, Any]]:
        usage = {"cpu_percent": 50.0 + number % 50, "cpu_seconds": 0.7 * number, "memory_mib": 500, "processes": 3}
        return [{**entry, "usage": {**usage, "gpus": []}} for entry in self.entries]


class Due:
    """The calls of one kind by one host: numbers from 1, each when it is due, or late after an answer that came late.
    The first is due within the first interval, at random. Calls that are still due when it is left stay unanswered.
    """

    def __init__(self, heard: Heard, calls: Calls, every_seconds: float) -> None:
        self._heard, self._calls, self.every_seconds = heard, calls, every_seconds
        self._at = time.monotonic() + random.uniform(0, every_seconds)  # noqa: S311 - no secret

    async def __aiter__(self) -> AsyncIterator[int]:
        for number in itertools.count(1):
            if (seconds := self._at - time.monotonic()) > 0:
                await asyncio.sleep(seconds)
            yield number
            self._at += self.every_seconds

    async def timed(self, caller: Caller, path: str, body: Any) -> dict[str, Any] | None:
        """Said once: what was refused is counted, and the next call follows."""
        try:
            reply = await caller.try_once("POST", path, body)
        except NoAnswer:
            self._calls.refused += self._heard.counts(self._at)
            return None
        except asyncio.CancelledError:
            self._give_up()
            raise
        if self._heard.counts(self._at):
            self._calls.seconds.append(time.monotonic() - self._at)
            self._calls.asked.append(float(reply["next_in_seconds"]))
        return reply

    def _give_up(self) -> None:
        now = time.monotonic()
        while self._at < self._heard.until:
            if self._heard.counts(self._at):
                self._calls.seconds.append(now - self._at)
                self._calls.unanswered += 1
            self._at += self.every_seconds
