"""A fleet of simulated agents against a real server, in a thread with an event loop of its own."""

import asyncio
import json
import random
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.chaos.fleet.agent import FleetAgent, SubAgent, Watch
from tests.running import ROOT

Result = TypeVar("Result")


def allow_many_connections() -> None:
    """For this process and the server it starts: three connections for each agent."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def prepared_hosts(count: int, env: dict[str, str]) -> list[dict[str, Any]]:
    """`count` hosts in the database that `env` names, each with a task that runs. Before the server starts."""
    command = [sys.executable, "-m", "tests.chaos.fleet.prepare", str(count)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


class Fleet:
    def __init__(self, port: int, hosts: list[dict[str, Any]]) -> None:
        self.watch = Watch()
        self.agents = [self._agent(port, **host) for host in hosts]
        self._loop = asyncio.new_event_loop()
        self._running: list[asyncio.Task[None]] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="fleet", daemon=True)
        self._thread.start()

    def _agent(self, port: int, grant: dict[str, Any], **host: Any) -> FleetAgent:
        return FleetAgent(port=port, sub_agent=SubAgent(grant, port, self.watch), watch=self.watch, **host)

    def start(self) -> None:
        """All main agents open a session now, all sub agents report."""
        self._wait_for(self._start())

    def end_scripts(self, within_seconds: float) -> None:
        """Each ends at a moment of its own."""
        for agent in self.agents:
            delay = random.uniform(0, within_seconds)
            self._loop.call_soon_threadsafe(self._loop.call_later, delay, agent.sub_agent.end)

    def cpu_seconds(self) -> float:
        """Of the fleet alone."""
        return self._wait_for(_thread_seconds())

    def close(self) -> None:
        self._wait_for(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> None:
        self._running = [asyncio.create_task(agent.run()) for agent in self.agents]
        self._running += [asyncio.create_task(agent.sub_agent.run()) for agent in self.agents]

    async def _end(self) -> None:
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0.2)  # aborted connections are closed in the loop's next turns

    def _wait_for(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(600)


async def _thread_seconds() -> float:
    return time.thread_time()
