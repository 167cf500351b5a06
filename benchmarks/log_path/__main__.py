"""What does one task that prints 20 MB/s cost the server while 200 pages follow it, and is its memory bounded? A row.

`python -m benchmarks.log_path --mb-per-second 20 --viewers 200` starts Nightshift as `make run` does. Each viewer
listens on the live socket and asks on it for 64 KiB a second (`--way http`: by HTTP). Cores and memory are those of the
server process alone; script, agents and viewers come on top, so on two cores all of them compete.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

import requests

from benchmarks.crowd import crowd
from benchmarks.log_path.viewer import BY_HTTP, BY_SOCKET, Seen, Viewer
from benchmarks.our_server import OurServer
from benchmarks.peers.processes import memory_of_process
from benchmarks.rows import quantile, tell

SCRIPT = """exec python3 -c '
import os, time
block, began, number = (b"0123456789abcdef" * 6 + b"012\\n") * @LINES, time.monotonic(), 0
while True:
    os.write(1, block)
    number += 1
    time.sleep(max(0, began + number / 20 - time.monotonic()))
'
"""
MB = 1_000_000
BLOCKS_A_SECOND, LINE_BYTES = 20, 100
WARM_UP_SECONDS = 12.0
LOOK_SECONDS = 1.0


@dataclass
class Measured:
    cores: float
    stored_bytes: int
    seconds: float
    memory_mb: list[float] = field(default_factory=list)
    looked_at_secs: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb-per-second", type=float, default=20.0)
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--way", choices=(BY_SOCKET, BY_HTTP), default=BY_SOCKET)
    arguments = parser.parse_args()
    seen = Seen()
    with _printing(arguments.mb_per_second) as (ours, task_id):
        cookies = signed_in(ours)
        viewers = [Viewer(ours.port, cookies, task_id, seen, arguments.way) for _ in range(arguments.viewers)]
        measured = asyncio.run(_watched(ours, task_id, viewers, seen, arguments.seconds))
    _tell(arguments, seen, measured)


@contextmanager
def _printing(mb_per_second: float) -> Iterator[tuple[OurServer, int]]:
    """A server on which a task prints; all of its output is kept."""
    ours = OurServer(LOG_MAX_MIB="0")
    try:
        ours.up(slots=2)
        yield ours, (task_id := ours.submit(script(mb_per_second)))
        ours.http.post(f"{ours.url}/api/tasks/{task_id}/cancel/", json={"kill_now": True}, timeout=60)
        ours.get("/api/tasks/wait/", id=task_id, until="all")
    finally:
        ours.stop()


def script(mb_per_second: float) -> str:
    return SCRIPT.replace("@LINES", str(int(mb_per_second * MB / BLOCKS_A_SECOND / LINE_BYTES)))


def signed_in(ours: OurServer) -> str:
    """The value of a Cookie header."""
    with requests.Session() as browser:
        browser.get(ours.sign_in_link(), timeout=60).raise_for_status()
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)


async def _watched(ours: OurServer, task_id: int, viewers: list[Viewer], seen: Seen, seconds: float) -> Measured:
    async with crowd(viewer.run() for viewer in viewers) as here:
        await here.watch(WARM_UP_SECONDS)
        stored = ours.data_dir / (await asyncio.to_thread(ours.get, f"/api/tasks/{task_id}/"))["log_file"]
        began, used, size = time.monotonic(), ours.cpu_seconds(), stored.stat().st_size
        seen.forget()
        memory, looked_at = [], []
        while (passed := time.monotonic() - began) < seconds:
            memory.append(round(memory_of_process(ours.server().pid), 1))
            looked_at.append(round(passed, 1))
            await here.watch(LOOK_SECONDS)
        used, size = ours.cpu_seconds() - used, stored.stat().st_size - size
    return Measured(round(used / passed, 2), size, passed, memory, looked_at)


def _tell(arguments: argparse.Namespace, seen: Seen, measured: Measured) -> None:
    each = arguments.viewers * measured.seconds or 1
    tell(
        "log path",
        asked_mb_per_second=arguments.mb_per_second,
        stored_mb_per_second=round(measured.stored_bytes / MB / measured.seconds, 1),
        viewers=arguments.viewers,
        way=arguments.way,
        nudges_per_viewer=round(seen.nudges / each, 2),
        kib_per_viewer=round(seen.bytes / 1024 / each, 1),
        fetch_p50_ms=round(quantile(seen.fetches or [0.0], 0.5) * 1e3, 1),
        fetch_p99_ms=round(quantile(seen.fetches or [0.0], 0.99) * 1e3, 1),
        server_cores=measured.cores,
        memory_mb=measured.memory_mb,
        looked_at_secs=measured.looked_at_secs,
        grown_mb=grown(measured.memory_mb),
    )


def grown(memory_mb: list[float]) -> float:
    """By what the last third of the time has more than the first third."""
    third = max(1, len(memory_mb) // 3)
    return round(median(memory_mb[-third:]) - median(memory_mb[:third]), 1)


if __name__ == "__main__":
    main()
