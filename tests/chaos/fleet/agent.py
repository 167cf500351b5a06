"""A main agent and its sub agents that are only calls: sessions, beats, the doorbell, claims, reports. No process."""

import asyncio
import hashlib
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.fleet.client import WAIT_SECONDS, Caller, Refused

RESOURCES = {"cpu_cores": 2, "memory_mib": 4096, "gpu_state": "absent", "gpus": []}
NOTHING = hashlib.sha256().hexdigest()


@dataclass
class Watch:
    """What the fleet measures. Times are seconds from the first try to the answer."""

    finishes: list[float] = field(default_factory=list)
    sessions: list[float] = field(default_factory=list)
    retries: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass
class SubAgent:
    grant: dict[str, Any]
    port: int
    watch: Watch
    ends: asyncio.Event = field(default_factory=asyncio.Event)
    is_delivered: bool = False

    @property
    def sub_agent_id(self) -> str:
        return str(self.grant["sub_agent_id"])

    async def run(self) -> None:
        caller = Caller(self.port, f"SubAgent {self.sub_agent_id}:{self.grant['sub_agent_token']}")
        try:
            await self._run_script(caller)
            began = time.monotonic()
            await self._report(caller, {"finish": finish(self.sub_agent_id)})
            self.watch.finishes.append(time.monotonic() - began)
            await self._report(caller, {"log_close": [{"stream": "out", "size": 0, "sha256": NOTHING}]})
            self.is_delivered = True
        finally:
            self.watch.retries += caller.failures
            caller.close()

    async def _run_script(self, caller: Caller) -> None:
        """Reports as often as it is told, until the script ends."""
        parts: dict[str, Any] = {"started": {"pid": 7}}
        while not self.ends.is_set():
            reply = await self._report(caller, parts)
            parts = {}
            try:
                async with asyncio.timeout(reply["next_in_seconds"]):
                    await self.ends.wait()
            except TimeoutError:
                continue

    async def _report(self, caller: Caller, parts: dict[str, Any]) -> dict[str, Any]:
        ids = {"sub_agent_id": self.sub_agent_id, "fence": self.grant["fence"]}
        reply = await caller.ask(
            "POST", "report", {"entries": [{**ids, "token": self.grant["sub_agent_token"], **parts}]}
        )
        if (code := reply["replies"][0]["code"]) != "ok":
            self.watch.wrong.append(f"a report of {self.sub_agent_id} was answered {code}")
        return reply


@dataclass
class FleetAgent:
    number: int
    port: int
    agent_id: str
    secret: str
    watch: Watch
    sub_agents: dict[str, SubAgent] = field(default_factory=dict)
    epoch: int | None = None
    _seq: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

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
            main.close()

    async def _turn(self, main: Caller) -> float:
        try:
            if self.epoch is None:
                began = time.monotonic()
                reply = await main.ask("POST", "session", self._session())
                self.watch.sessions.append(time.monotonic() - began)
                self.epoch, self._seq = reply["epoch"], 0
                return float(reply["next_in_seconds"]) * random.random()
            self._seq += 1
            beat = {"epoch": self.epoch, "seq": self._seq, "resources": RESOURCES, "accepts_work": True}
            reply = await main.ask("POST", "heartbeat", beat)
        except Refused as refusal:
            if refusal.code != "stale_epoch":
                self.watch.wrong.append(f"agent {self.number} was refused: {refusal}")
            self.epoch = None
            return 0.0
        for assignment in reply["assignments"]:
            if assignment["sub_agent_id"] not in self.sub_agents:
                await self._claim(main, assignment)
        if reply["inventory_wanted"]:
            self.epoch = None
        return float(reply["next_in_seconds"])

    async def _claim(self, main: Caller, assignment: dict[str, Any]) -> None:
        sub_agent_id = assignment["sub_agent_id"]
        body = {"epoch": self.epoch, "fence": assignment["fence"], "nonce": f"nonce-of-{sub_agent_id}"}
        try:
            grant = await main.ask("POST", f"sub-agents/{sub_agent_id}/claim", body)
        except Refused as refusal:
            if refusal.code == "stale_epoch":
                self.epoch = None
            return
        self.sub_agents[sub_agent_id] = SubAgent(grant, self.port, self.watch)
        task = asyncio.create_task(self.sub_agents[sub_agent_id].run())
        self._tasks.add(task)

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
        try:
            reply = await caller.ask("GET", f"wait?epoch={self.epoch}", seconds=WAIT_SECONDS)
        except Refused:
            await asyncio.sleep(1)
            return
        if reply["beat"]:
            wanted.set()

    def _session(self) -> dict[str, Any]:
        rows = [
            {"sub_agent_id": sub.sub_agent_id, "fence": sub.grant["fence"], "local_state": "running", "sizes": {}}
            for sub in self.sub_agents.values()
            if not sub.is_delivered
        ]
        return {
            "boot_id": "boot",
            "incarnation": f"incarnation-{random.random()}",
            "machine_id": f"machine-{self.number}",
            "agent_version": "1",
            "proto": {"min": 1, "max": 1},
            "host": {"hostname": f"fleet-{self.number}"},
            "inventory_complete": True,
            "sub_agents": rows,
            "resources": RESOURCES,
        }


def finish(sub_agent_id: str) -> dict[str, Any]:
    body = {"reason": "exit", "exit_code": 0, "sizes": {"out": 0}, "duration_seconds": 1.0, "sent_signals": []}
    text = json.dumps({**body, "of": sub_agent_id}, sort_keys=True)
    return {**body, "digest": hashlib.sha256(text.encode()).hexdigest()}
