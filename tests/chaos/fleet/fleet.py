"""A fleet of simulated agents against a real server, in a thread with an event loop of its own."""

import asyncio
import random
import resource
import threading
from collections.abc import Coroutine
from typing import Any

from tests.chaos.fleet.agent import FleetAgent, SubAgent, Watch
from tests.chaos.fleet.client import Caller

AT_ONCE = 20


def allow_many_connections() -> None:
    """For this process and the server it starts: three connections for each agent."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Fleet:
    def __init__(self, port: int, enrolment_token: str) -> None:
        self._port = port
        self._token = enrolment_token
        self.watch = Watch()
        self.agents: list[FleetAgent] = []
        self._loop = asyncio.new_event_loop()
        self._running: list[asyncio.Task[None]] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="fleet", daemon=True)
        self._thread.start()

    def enrol(self, count: int) -> None:
        self._wait_for(self._enrol(count))

    def start(self) -> None:
        """All of them open a session now."""
        self._wait_for(self._start())

    def reconnect(self) -> None:
        """As if every main agent had been started anew at the same moment; scripts and sub agents go on."""
        self._wait_for(self._stop_agents())
        self.watch.sessions.clear()
        self.start()

    def end_scripts(self, within_seconds: float) -> None:
        """Each ends at a moment of its own."""
        for sub_agent in self.sub_agents():
            delay = random.uniform(0, within_seconds)
            self._loop.call_soon_threadsafe(self._loop.call_later, delay, sub_agent.ends.set)

    def sub_agents(self) -> list[SubAgent]:
        return [sub for agent in self.agents for sub in list(agent.sub_agents.values())]

    def close(self) -> None:
        self._wait_for(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _enrol(self, count: int) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with room:
                caller = Caller(self._port, f"Enrolment {self._token}")
                name = f"fleet-{number:04}"
                who = {"name": name, "hostname": name, "machine_id": f"machine-{number}", "agent_version": "1"}
                reply = await caller.ask("POST", "register", {**who, "proto": {"min": 1, "max": 1}}, seconds=60)
                caller.close()
            agent = FleetAgent(number, self._port, reply["agent_id"], reply["agent_secret"], self.watch)
            self.agents.append(agent)

        await asyncio.gather(*(one(number) for number in range(count)))

    async def _start(self) -> None:
        self._running = [asyncio.create_task(agent.run()) for agent in self.agents]

    async def _stop_agents(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for agent in self.agents:
            agent.epoch = None

    async def _end(self) -> None:
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0.2)  # aborted connections are closed in the loop's next turns

    def _wait_for(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(600)
