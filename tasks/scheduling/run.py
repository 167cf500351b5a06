"""One turn of the scheduling loop: load, plan, place. Who makes sure that only one process passes is the loop's
business."""

import logging
import random
import time

from django.db.models import Min, QuerySet
from django.utils import timezone

from agents.models import PlacementRules, Pool
from agents.states import PolicyName
from scheduler_site.shared.failpoints import fail_at
from tasks import fair_share
from tasks.models import Reservation, Task
from tasks.scheduling import wakeup
from tasks.scheduling.lane_queue import Lane, LaneQueue
from tasks.scheduling.order import Claim
from tasks.scheduling.place import place
from tasks.scheduling.planner import Planner
from tasks.scheduling.policies.base import Policy
from tasks.scheduling.policies.choice import Choice
from tasks.scheduling.rows import hosts, lanes
from tasks.scheduling.rows.recent_demand import RecentDemand
from tasks.scheduling.rows.request import reservation_request
from tasks.scheduling.values import UNKNOWN_SECONDS
from tasks.states import ReservationState

log = logging.getLogger(__name__)
_recent_demand = RecentDemand()

IDLE_SECONDS = 1.0
MERGE_SECONDS = 0.002
YIELD_AFTER_SECONDS = 0.020
REST_FACTOR = 4.0


def scheduling_turn() -> float:
    """Returns the seconds to wait for the next wake-up. Requests that come within 2 ms share one pass.

    Where a pass takes long, the next look without news waits longer too: on 10,000 hosts it would fill the core else.
    """
    fail_at("scheduling.turn")
    wakeup.event.clear()
    time.sleep(MERGE_SECONDS)
    began = time.monotonic()
    if not run_pass():
        return 0.0
    rest = REST_FACTOR * (time.monotonic() - began)
    return rest if rest > IDLE_SECONDS else _until_due()


def run_pass() -> bool:
    """Place what fits. False: it took its time slice, placed something, and there may be more. Each placement is its
    own transaction; a slice is never shorter than what it took to load, or loading would be most of the work."""
    began = time.monotonic()
    planner = make_planner()
    if planner is None:
        return True
    slice_seconds = max(YIELD_AFTER_SECONDS, time.monotonic() - began)
    deadline = time.monotonic() + slice_seconds
    placed = 0
    for placement in planner.placements():
        placed += place(placement, planner.plan.fleet.share_of(placement))
        if placed and time.monotonic() > deadline:
            return False
    return True


def make_planner() -> Planner | None:
    """A pass over what waits now; None when nothing does."""
    now = timezone.now()
    if not lanes.waiting_tasks(now).exists() and not _pending().exists():
        return None
    fleet = hosts.load_fleet(hosts.schedulable())
    rules = PlacementRules.current()
    _recent_demand.catch_up(frozenset(fleet.site_total))
    waiting = [*lanes.load(now, frozenset(fleet.site_total), fleet), *pending_lanes(frozenset(fleet.site_total))]
    queue = LaneQueue(waiting, fair_share.used(now, rules.usage_half_life_hours), rules.ageing_hours)
    return Planner(queue, fleet, policies(rules), rules.hold_after_seconds)


def policies(rules: PlacementRules) -> Choice:
    by_pool = dict(Pool.objects.exclude(policy="").values_list("name", "policy"))
    learned: dict[str, Policy] = {PolicyName.FRAGMENTATION: _recent_demand.policy}
    return Choice(rules.policy, by_pool, seed=random.randrange(2**32), made=learned)  # noqa: S311 (no secret)


def _pending() -> QuerySet[Reservation]:
    return Reservation.objects.filter(state=ReservationState.PENDING, wait_until__gt=timezone.now())


def pending_lanes(site_names: frozenset[str]) -> list[Lane]:
    """Each pending reservation stands alone."""
    now = timezone.now()
    found = []
    for row in _pending():
        waited = (now - row.created_time).total_seconds()
        seconds = row.duration_seconds or UNKNOWN_SECONDS
        if row.until is not None:
            seconds = max(0, int((row.until - now).total_seconds()))
        request = reservation_request(row, site_names, seconds=seconds, waited_seconds=waited)
        found.append(Lane(row.submitted_by_id, [(Claim(row.pk, row.priority, waited), request)]))
    return found


def _until_due() -> float:
    """Not longer than until the first task whose back-off ends."""
    now = timezone.now()
    pausing = Task.objects.filter(status="waiting", not_before__gt=now, held_at__isnull=True)
    first = pausing.aggregate(first=Min("not_before"))["first"]
    if first is None:
        return IDLE_SECONDS
    until: float = (first - now).total_seconds()
    return min(IDLE_SECONDS, max(0.0, until))
