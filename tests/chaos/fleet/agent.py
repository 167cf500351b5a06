"""A main agent and its sub agent that are only calls: sessions, beats, the doorbell, reports. No process.

It is made when its task runs already (see prepare); whatever it would be given besides is a fault.
"""

import asyncio
import hashlib
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.fleet.client import WAIT_SECONDS, Caller, NoAnswer, Refused
from tests.chaos.fleet.prepare import RESOURCES

NOTHING = hashlib.sha256().hexdigest()


@dataclass
class Watch:
    """What the fleet measures. Times are seconds."""

    finishes: list[float] = field(default_factory=list)  # from the first try with the result to its answer
    ends: list[float] = field(default_factory=list)  # from the end of the script, a running back-off included
    sessions: list[float] = field(default_factory=list)  # from the first try to the answer
    calls: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def forget(self) -> None:
        """The times and calls until now; not what was wrong."""
        for times in (self.finishes, self.ends, self.sessions, self.calls):
            times.clear()


@dataclass
class SubAgent:
    grant: dict[str, Any]
    port: int
    watch: Watch
    ends: asyncio.Event = field(default_factory=asyncio.Event)
    is_delivered: bool = False
    _ended_at: float = 0.0
    _tried_at: float | None = None

    @property
    def sub_agent_id(self) -> str:
        return str(self.grant["sub_agent_id"])

    def end(self) -> None:
        """Its script ends."""
        self._ended_at = time.monotonic()
        self.ends.set()

    async def run(self) -> None:
        caller = Caller(self.port, f"SubAgent {self.sub_agent_id}:{self.grant['sub_agent_token']}")
        try:
            while self._tried_at is None:
                await self._beat(caller)
            self.watch.finishes.append(time.monotonic() - self._tried_at)
            self.watch.ends.append(time.monotonic() - self._ended_at)
            await self._report(caller, {"log_close": [{"stream": "out", "size": 0, "sha256": NOTHING}]})
            self.is_delivered = True
        finally:
            self.watch.calls["tries of sub agents that failed"] += caller.failures
            caller.close()

    async def _beat(self, caller: Caller) -> None:
        """As often as it is told, until the script ends."""
        reply = await self._report(caller, {})
        if self._tried_at is None:
            try:
                async with asyncio.timeout(reply["next_in_seconds"]):
                    await self.ends.wait()
            except TimeoutError:
                return

    async def _report(self, caller: Caller, parts: dict[str, Any]) -> dict[str, Any]:
        """Tried until it is answered; a script that ended meanwhile is told of in the next try."""
        ids = {"sub_agent_id": self.sub_agent_id, "fence": self.grant["fence"], "token": self.grant["sub_agent_token"]}
        while True:
            if self.ends.is_set() and not parts:
                self._tried_at = time.monotonic()
                caller.begin_anew()
                parts = {"finish": finish(self.sub_agent_id)}
            self.watch.calls["report"] += 1
            try:
                reply = await caller.try_once("POST", "report", {"entries": [{**ids, **parts}]})
            except NoAnswer as failure:
                await self._back_off(caller, failure)
                continue
            if (code := reply["replies"][0]["code"]) != "ok":
                self.watch.wrong.append(f"a report of {self.sub_agent_id} was answered {code}")
            return reply

    async def _back_off(self, caller: Caller, failure: NoAnswer) -> None:
        """Like the real one: a result that comes meanwhile is tried once at once."""
        waiting = asyncio.ensure_future(caller.back_off(failure))
        ending = asyncio.ensure_future(self.ends.wait()) if self._tried_at is None else waiting
        await asyncio.wait((waiting, ending), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        ending.cancel()


@dataclass
class FleetAgent:
    number: int
    port: int
    agent_id: str
    secret: str
    sub_agent: SubAgent
    watch: Watch
    epoch: int | None = None
    _seq: int = 0

    async def run(self) -> None:
        main = Caller(self.port, f"Agent {self.agent_id}:{self.secret}")
        wanted = asyncio.Event()
        bell = asyncio.create_task(self._listen(wanted))
        try:
            while True:
                seconds = await self._turn(main)
                wanted.clear()
                try:
                    async with asyncio.timeout(seconds * random.uniform(0.9, 1.1)):
                        await wanted.wait()
                except TimeoutError:
                    continue
        finally:
            bell.cancel()
            self.watch.calls["tries of main agents that failed"] += main.failures
            main.close()

    async def _turn(self, main: Caller) -> float:
        try:
            return await (self._open(main) if self.epoch is None else self._beat(main))
        except Refused as refusal:
            if refusal.code != "stale_epoch":
                self.watch.wrong.append(f"agent {self.number} was refused: {refusal}")
            self.epoch = None
            return 0.0

    async def _open(self, main: Caller) -> float:
        began = time.monotonic()
        self.watch.calls["session"] += 1
        reply = await main.ask("POST", "session", self._session())
        self.watch.sessions.append(time.monotonic() - began)
        self.epoch, self._seq = reply["epoch"], 0
        told = [one["kind"] for one in reply["directives"] if one["kind"] == "stop"]
        if told and not self.sub_agent.ends.is_set():  # else its list was older than its result
            self.watch.wrong.append(f"agent {self.number} was told to {told}")
        return float(reply["next_in_seconds"]) * random.random()

    async def _beat(self, main: Caller) -> float:
        self._seq += 1
        self.watch.calls["heartbeat"] += 1
        beat = {"epoch": self.epoch, "seq": self._seq, "resources": RESOURCES, "accepts_work": True}
        reply = await main.ask("POST", "heartbeat", beat)
        if reply["assignments"] or reply["directives"]:
            self.watch.wrong.append(f"agent {self.number} was given {reply['assignments']}, {reply['directives']}")
        if reply["inventory_wanted"]:
            self.epoch = None
        return float(reply["next_in_seconds"])

    async def _listen(self, wanted: asyncio.Event) -> None:
        """The doorbell, on a connection of its own."""
        caller = Caller(self.port, f"Agent {self.agent_id}:{self.secret}")
        try:
            while True:
                await self._hear(caller, wanted)
        finally:
            caller.close()

    async def _hear(self, caller: Caller, wanted: asyncio.Event) -> None:
        if self.epoch is None:
            await asyncio.sleep(0.5)
            return
        self.watch.calls["wait"] += 1
        try:
            reply = await caller.ask("GET", f"wait?epoch={self.epoch}", seconds=WAIT_SECONDS)
        except Refused:
            await asyncio.sleep(1)
            return
        if reply["beat"]:
            wanted.set()

    def _session(self) -> dict[str, Any]:
        sub = self.sub_agent
        state = "finished" if sub.ends.is_set() else "running"
        row = {"sub_agent_id": sub.sub_agent_id, "fence": sub.grant["fence"], "local_state": state, "sizes": {}}
        return {
            "boot_id": "boot",
            "incarnation": f"incarnation-{random.random()}",
            "machine_id": f"machine-{self.number}",
            "agent_version": "1",
            "proto": {"min": 1, "max": 1},
            "host": {"hostname": f"fleet-{self.number:04}"},
            "inventory_complete": True,
            "sub_agents": [] if sub.is_delivered else [row],
            "resources": RESOURCES,
        }


def finish(sub_agent_id: str) -> dict[str, Any]:
    body = {"reason": "exit", "exit_code": 0, "sizes": {"out": 0}, "duration_seconds": 1.0, "sent_signals": []}
    text = json.dumps({**body, "of": sub_agent_id}, sort_keys=True)
    return {**body, "digest": hashlib.sha256(text.encode()).hexdigest()}
