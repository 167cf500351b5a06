"""How many hosts, each with 10 running tasks, can one server process hear? A row for each number of hosts, and one for
the largest number with which 99 of 100 calls are answered within 200 ms.

`python -m benchmarks.heartbeats --hosts 50,100,200,400,800` starts a server on SQLite with that many simulated hosts,
each of which beats every 2 s, reports once a second for all its tasks, and waits at the doorbell; latencies count from
when a call was due. Stops at the first number that is too many, then looks between it and the last that was not.
With `--beat-seconds 0` hosts call as main agents do: as often as the server's answers ask for.
"""

import argparse
import asyncio
import json
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.crowd import crowd
from benchmarks.heartbeats.host import Heard, Host
from benchmarks.heartbeats.prepare import CORES, MEMORY_MIB
from benchmarks.our_server import OurServer
from benchmarks.rows import median, quantile, tell

LIMIT_MS = 200.0
WARM_UP_SECONDS = 8.0
ANSWER_SECONDS = 1.0  # for answers to the last calls
RESOURCES: dict[str, Any] = {"cpu_cores": CORES, "cpu_usage": 55.0, "memory_mib": MEMORY_MIB, "memory_used_mib": 9000}
RESOURCES |= {"memory_usage": 13.7, "load_1m": 5.5, "disk_total_mib": 900_000, "disk_free_mib": 400_000}
RESOURCES |= {"gpu_state": "absent", "gpus": []}


@dataclass(frozen=True)
class Settings:
    tasks: int
    seconds: float
    beat_seconds: float | None
    warm_up_seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=_numbers, default=[50, 100, 200, 400, 800])
    parser.add_argument("--tasks", type=int, default=10, help="that run on each host")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument(
        "--beat-seconds",
        type=float,
        default=2.0,
        help="0: beats and reports as the server asks, which slows many hosts down",
    )
    parser.add_argument("--warm-up", type=float, default=WARM_UP_SECONDS, help="seconds until it is looked at")
    parser.add_argument("--halvings", type=int, default=2, help="how often to look between the last two numbers")
    arguments = parser.parse_args()
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    settings = Settings(arguments.tasks, arguments.seconds, arguments.beat_seconds or None, arguments.warm_up)
    found = largest(arguments.hosts, arguments.halvings, lambda hosts: is_heard(hosts, settings))
    tell(
        _named("hosts", settings),
        hosts=found,
        limit_ms=LIMIT_MS,
        tasks=settings.tasks,
        tried_up_to=max(arguments.hosts),
    )


def largest(numbers: list[int], halvings: int, is_good: Callable[[int], bool]) -> int:
    """The largest number that is good: of `numbers`, in their order, then of some between the last two."""
    good = 0
    for number in numbers:
        if not is_good(number):
            return _between(good, number, halvings, is_good)
        good = number
    return good


def _between(good: int, bad: int, halvings: int, is_good: Callable[[int], bool]) -> int:
    for _ in range(halvings):
        middle = (good + bad) // 2
        good, bad = (middle, bad) if is_good(middle) else (good, middle)
    return good


def is_heard(count: int, settings: Settings) -> bool:
    """Tells the row."""
    ours = OurServer()
    try:
        lines = ours.prepare("benchmarks.heartbeats.prepare", str(count), str(settings.tasks)).splitlines()
        ours.serve()
        heard, cores = asyncio.run(_listened(ours, [json.loads(line) for line in lines], settings))
    finally:
        ours.stop()
    figures = figures_of(heard, settings)
    tell(_named("heartbeats", settings), hosts=count, tasks=settings.tasks, **cores, **figures)
    return is_fast_enough(figures)


def _named(rows: str, settings: Settings) -> str:
    return rows if settings.beat_seconds else f"{rows} as asked"


def is_fast_enough(figures: dict[str, float]) -> bool:
    return (
        figures["refused"] + figures["unanswered"] == 0
        and max(figures["beat_p99_ms"], figures["report_p99_ms"]) < LIMIT_MS
    )


async def _listened(ours: OurServer, known: list[dict[str, Any]], settings: Settings) -> tuple[Heard, dict[str, float]]:
    """What was heard; and how many cores the server and the hosts themselves used meanwhile."""
    now = time.monotonic()
    begins_at = now + settings.warm_up_seconds
    heard = Heard(begins_at, begins_at + settings.seconds)
    common: dict[str, Any] = {
        "port": ours.port,
        "resources": RESOURCES,
        "heard": heard,
        "beat_seconds": settings.beat_seconds,
    }
    async with crowd(Host(**one, **common).run() for one in known) as hosts:
        await hosts.watch(settings.warm_up_seconds)
        server, own = ours.cpu_seconds(), time.process_time()
        await hosts.watch(settings.seconds)
        used = {"server_cores": ours.cpu_seconds() - server, "own_cores": time.process_time() - own}
        await hosts.watch(ANSWER_SECONDS)
    return heard, {name: round(seconds / settings.seconds, 2) for name, seconds in used.items()}


def figures_of(heard: Heard, settings: Settings) -> dict[str, float]:
    figures: dict[str, float] = {"refused": heard.beats.refused + heard.reports.refused}
    figures["unanswered"] = heard.beats.unanswered + heard.reports.unanswered
    for name, calls in (("beat", heard.beats), ("report", heard.reports)):
        figures[f"{name}s_per_second"] = round(calls.answered / settings.seconds, 1)
        for share in (50, 99):
            figures[f"{name}_p{share}_ms"] = round(quantile(calls.seconds or [settings.seconds], share / 100) * 1e3, 1)
        figures[f"asked_{name}_seconds"] = median(calls.asked or [0.0])
    return figures


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
