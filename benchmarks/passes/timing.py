"""CPU time of what the scheduling loop does in one pass, part by part; the median of three. A row for each case.

The rows of the database are in a file of the same process, so on an idle machine this is the time it takes.
"""

import cProfile
import pstats
import time
from statistics import median

from benchmarks.passes import rows
from benchmarks.rows import tell
from tasks.models import SubAgent
from tasks.scheduling import run

TIMES = 3


def measure(tasks: int, shapes: int, hosts: int, room: int, *, is_profiled: bool) -> None:
    looks = [_look() for _ in range(TIMES)]
    load, plan = (round(1000 * median(parts), 1) for parts in zip(*looks, strict=True))
    placed, each = _place(room) if room else (0, 0.0)
    figures = {"load_ms": load, "plan_ms": plan, "placed": placed, "place_ms": round(each, 1)}
    tell("planner", waiting=tasks, shapes=shapes, hosts=hosts, **figures)
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
