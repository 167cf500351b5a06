"""CPU time of what the scheduling loop does in one pass, part by part; the median of three.

The rows are in a file of the same process, so on an idle machine this is the time it takes.
"""

import cProfile
import pstats
import time
from statistics import median

from benchmarks.passes import rows
from tasks.models import SubAgent
from tasks.scheduling import run

TIMES = 3


def head() -> None:
    print("| waiting | shapes | hosts | load CPU ms | plan CPU ms | placed | place CPU ms each |")  # noqa: T201
    print("|---|---|---|---|---|---|---|", flush=True)  # noqa: T201


def measure(tasks: int, shapes: int, hosts: int, room: int, *, is_profiled: bool) -> None:
    looks = [_look() for _ in range(TIMES)]
    load, plan = (1000 * median(parts) for parts in zip(*looks, strict=True))
    placed, each = _place(room) if room else (0, 0.0)
    print(f"| {tasks} | {shapes} | {hosts} | {load:.1f} | {plan:.1f} | {placed} | {each:.1f} |", flush=True)  # noqa: T201
    if is_profiled:
        with cProfile.Profile() as profile:
            _look()
        pstats.Stats(profile).sort_stats("cumtime").print_stats(35)


def _look() -> tuple[float, float]:
    """CPU seconds to load and to plan; nothing fits."""
    began = time.process_time()
    planner = run.make_planner()
    loaded = time.process_time()
    if planner is None or next(planner.placements(), None) is not None:
        raise SystemExit("something fits that should not, or nothing waits")
    return loaded - began, time.process_time() - loaded


def _place(room: int) -> tuple[int, float]:
    """How many were placed, and the milliseconds for each, all passes together."""
    rows.make_room(room)
    began = time.process_time()
    while not run.run_pass():
        pass
    seconds = time.process_time() - began
    placed = SubAgent.objects.filter(agent__name="zz-idle").count()
    rows.take_back()
    return placed, 1000 * seconds / max(1, placed)
