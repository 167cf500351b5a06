"""One turn of the scheduling loop: load, plan, place. Who makes sure that only one process passes is the loop's
business."""

import logging
import time

from django.db.models import Min
from django.utils import timezone

from tasks.models import Task
from tasks.scheduling import hosts, queue, wakeup
from tasks.scheduling.place import place
from tasks.scheduling.planner import plan
from tasks.scheduling.policies import best_fit

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
MERGE_SECONDS = 0.002
YIELD_AFTER_SECONDS = 0.020


def scheduling_turn() -> float:
    """Returns the seconds to wait for the next wake-up. Requests that come within 2 ms share one pass."""
    wakeup.event.clear()
    time.sleep(MERGE_SECONDS)
    finished = run_pass()
    return _until_due() if finished else 0.0


def run_pass() -> bool:
    """Place what fits. False: it took its time slice and there may be more."""
    now = timezone.now()
    if not queue.waiting_tasks(now).exists():
        return True
    result = plan(queue.load(now), hosts.load(hosts.schedulable()), best_fit.choose)
    deadline = time.monotonic() + YIELD_AFTER_SECONDS
    for placed, placement in enumerate(result.placements, start=1):
        place(placement)
        if time.monotonic() > deadline and placed < len(result.placements):
            return False
    return True


def _until_due() -> float:
    """Not longer than until the first task whose back-off ends."""
    now = timezone.now()
    first = Task.objects.filter(status="waiting", not_before__gt=now).aggregate(first=Min("not_before"))["first"]
    if first is None:
        return IDLE_SECONDS
    until: float = (first - now).total_seconds()
    return min(IDLE_SECONDS, max(0.0, until))
