"""The chaos proxy: stands between clients and the server, and does to exchanges what a test asks for, while it runs.

    with Proxy(("127.0.0.1", nightshift.port)) as proxy:
        proxy.fail(faults.drop_reply, path="/report", share=0.2)   # from now on; `times=3`: three times only
        proxy.cut(); proxy.heal(); proxy.clear()
        proxy.counts["drop_reply"]

Runs in a thread of its own. Speaks HTTP/1.1 with bodies of known length; no TLS, no WebSockets.
"""

import asyncio
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.chaos import faults
from tests.chaos.exchange import Exchange
from tests.chaos.faults import Fault
from tests.chaos.http_messages import Message, read_request

START_SECONDS = 10.0


@dataclass
class Rule:
    """One kind of trouble: for requests whose path contains `path`, for a `share` of them, `times` times at most."""

    fault: Fault
    path: str = ""
    share: float = 1.0
    times: int | None = None

    @property
    def name(self) -> str:
        return str(self.fault.__name__)  # type: ignore[attr-defined]


class Proxy:
    """`seed` makes the choice of exchanges repeatable, as far as their order is."""

    def __init__(self, upstream: tuple[str, int], *, host: str = "127.0.0.1", port: int = 0, seed: int = 0) -> None:
        self.upstream = upstream
        self.host = host
        self.port = port
        self.instance_id = ""
        self.uplink: float | None = None
        self.requests: list[tuple[float, str]] = []  # monotonic time and path of all that came
        self.counts: Counter[str] = Counter()
        self.trapped: list[str] = []  # requests of clients that followed a redirect
        self._rules: list[Rule] = []
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._swallows_requests = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="chaos-proxy", daemon=True)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        assert self._ready.wait(START_SECONDS), "the proxy did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(START_SECONDS)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def trap_url(self) -> str:
        return f"{self.url}/trap"

    def fail(self, fault: Fault, *, path: str = "", share: float = 1.0, times: int | None = None) -> Rule:
        """Does `fault` to exchanges from now on. The first rule that takes an exchange has it."""
        rule = Rule(fault, path, share, times)
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """No trouble any more; a cut network stays cut."""
        with self._lock:
            self._rules.clear()

    def longest_gap(self, path: str, since: float) -> float:
        """Seconds between one request with `path` in it and the next, at most, from `since` until now."""
        moments = [since, *(at for at, seen in self.requests if path in seen and at > since), time.monotonic()]
        return max(later - earlier for earlier, later in itertools.pairwise(moments))

    def cut(self, *, replies_only: bool = False) -> None:
        """Nothing arrives any more, and nothing says so; with `replies_only` the server still hears everything."""
        self._swallows_requests = not replies_only
        self._loop.call_soon_threadsafe(self.open.clear)

    def heal(self) -> None:
        """What came meanwhile stays lost: its connections end."""
        self._swallows_requests = False
        self._loop.call_soon_threadsafe(self.open.set)

    def start(self, work: Callable[[], Any]) -> None:
        """Run a coroutine beside the exchanges."""
        task = self._loop.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping, self.open = asyncio.Event(), asyncio.Event()
        self.open.set()
        server = await asyncio.start_server(self._serve, self.host, self.port, limit=2**20)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        here = asyncio.current_task()
        rest = [task for task in asyncio.all_tasks() if task is not here]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection, request after request."""
        last: Exchange | None = None
        if (task := asyncio.current_task()) is not None:  # the loop itself holds it weakly only
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            while not writer.is_closing() and (request := await read_request(reader)) is not None:
                exchange = Exchange(request, (reader, writer), self, last._server if last else None)
                last = exchange
                await self._handle(exchange)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # either side is gone, and the other finds out
        finally:
            if last is not None:
                last.close()
            writer.close()

    async def _handle(self, exchange: Exchange) -> None:
        self.requests.append((time.monotonic(), exchange.request.path))
        if exchange.request.path.startswith("/trap"):
            self.trapped.append(exchange.request.head.decode("latin-1"))
        if not self.open.is_set():
            await self._lose(exchange)
            return
        rule = self._chosen(exchange.request)
        if rule is not None:
            self.counts[rule.name] += 1
        await (rule.fault if rule else faults.passed_on)(exchange)

    async def _lose(self, exchange: Exchange) -> None:
        """While the network is cut: until it heals or the client gives up."""
        self.counts["cut"] += 1
        if not self._swallows_requests:
            await exchange.forward()
        gone = asyncio.create_task(exchange.client_gone())
        healed = asyncio.create_task(self.open.wait())
        for task in (await asyncio.wait({gone, healed}, return_when=asyncio.FIRST_COMPLETED))[1]:
            task.cancel()
        exchange.reset()

    def _chosen(self, request: Message) -> Rule | None:
        with self._lock:
            for rule in self._rules:
                if rule.path in request.path and rule.times != 0 and self._random.random() < rule.share:
                    if rule.times is not None:
                        rule.times -= 1
                    return rule
        return None
