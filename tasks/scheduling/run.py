"""One turn of the scheduling loop: load, plan, place. Who makes sure that only one process passes is the loop's
business."""

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from django.db import connection
from django.db.models import Min
from django.utils import timezone

from agents.models import PlacementRules
from agents.states import PolicyName
from scheduler_site.shared import statements
from scheduler_site.shared.failpoints import fail_at
from tasks import fair_share
from tasks.models import Reservation, Task
from tasks.scheduling import wakeup
from tasks.scheduling.lane_queue import Lane, LaneQueue
from tasks.scheduling.order import Claim
from tasks.scheduling.place import Claim as PlaceClaim
from tasks.scheduling.place import place
from tasks.scheduling.planner import Planner
from tasks.scheduling.policies.base import Policy
from tasks.scheduling.policies.choice import Choice
from tasks.scheduling.rows import hosts, lanes
from tasks.scheduling.rows.kept_fleet import KeptFleet
from tasks.scheduling.rows.recent_demand import RecentDemand
from tasks.scheduling.rows.request import reservation_request
from tasks.scheduling.values import UNKNOWN_SECONDS
from tasks.states import ReservationState

log = logging.getLogger(__name__)
_recent_demand = RecentDemand()
_kept = KeptFleet()

at_leisure: list[Callable[[], None]] = []  # what is done while nothing waits; short
_passing = threading.Lock()  # one at a time in this process: what is kept is for one
IDLE_SECONDS = 1.0
PATIENCE_SECONDS = 0.02
MERGE_SECONDS = 0.0005
YIELD_AFTER_SECONDS = 0.020
REST_FACTOR = 4.0


class _Turns:
    """Of the loop, if it passes in this process."""

    HERE_SECONDS = 5.0
    SHORT_SECONDS = 0.02

    def __init__(self) -> None:
        self._ended_at, self._took = -math.inf, 0.0

    def over(self, began: float, ended: float) -> None:
        self._ended_at, self._took = ended, ended - began

    def are_here_and_short(self) -> bool:
        return time.monotonic() - self._ended_at < self.HERE_SECONDS and self._took < self.SHORT_SECONDS


_turns = _Turns()


def scheduling_turn() -> float:
    """Returns the seconds to wait for the next wake-up. Requests that come within half a millisecond share one
    pass.

    Where a pass takes long, the next look without news waits longer too: on 10,000 hosts it would fill the core else.
    """
    fail_at("scheduling.turn")
    wakeup.event.clear()
    time.sleep(MERGE_SECONDS)
    with _passing:
        began = time.monotonic()
        is_done = run_pass(_kept)
        ended = time.monotonic()
    _turns.over(began, ended)
    if not is_done:
        return 0.0
    rest = REST_FACTOR * (ended - began)
    return rest if rest > IDLE_SECONDS else _until_due()


def pass_now(claim: PlaceClaim | None = None) -> bool:
    """A pass before this returns. False: the loop has to make it, because it is another process's, or slow, or under
    way for long. Never raises. `claim`: see place."""
    if not _turns.are_here_and_short() or not _passing.acquire(timeout=PATIENCE_SECONDS):
        return False
    try:
        return run_pass(_kept, claim)
    except Exception:
        log.exception("pass_failed")
        return False
    finally:
        _passing.release()


def run_pass(kept: KeptFleet | None = None, claim: PlaceClaim | None = None) -> bool:
    """Place what fits. False: it took its time slice, placed something, and there may be more. Each placement is its
    own transaction; a slice is never shorter than what it took to load, or loading would be most of the work.

    `kept`: the hosts as an earlier pass knew them; without, they are read.
    """
    began = time.monotonic()
    planner = make_planner(kept)
    if planner is None:
        if kept is not None and claim is None:  # else a report waits for its answer
            _use_leisure(kept)
        return True
    slice_seconds = max(YIELD_AFTER_SECONDS, time.monotonic() - began)
    deadline = time.monotonic() + slice_seconds
    placed = 0
    for placement in planner.placements():
        known = kept.sure_facts() if kept is not None else None
        is_placed = place(placement, planner.plan.fleet.share_of(placement), claim, known)
        placed += is_placed
        if kept is not None and not is_placed:
            kept.forget()
        if placed and time.monotonic() > deadline:
            return False
    return True


def _use_leisure(kept: KeptFleet) -> None:
    if kept.age() > IDLE_SECONDS / 2:
        kept.keep_fresh()
    for do in at_leisure:
        do()


def make_planner(kept: KeptFleet | None = None) -> Planner | None:
    """A pass over what waits now; None when nothing does."""
    now = timezone.now()
    heads = lanes.heads(now)
    pending = pending_reservations()
    if not heads and not pending:
        return None
    fleet, known = (kept.fleet(), kept.facts()) if kept is not None else hosts.load_fleet_and_facts(hosts.schedulable())
    rules = known.rules
    site_names = frozenset(fleet.site_total)
    _recent_demand.catch_up(site_names)
    waiting = [*lanes.load(heads, now, site_names, fleet), *pending_lanes(pending, site_names)]
    queue = LaneQueue(waiting, fair_share.used(now, rules.usage_half_life_hours), rules.ageing_hours)
    return Planner(queue, fleet, policies(rules, known.policies), rules.hold_after_seconds)


def policies(rules: PlacementRules, by_pool: Mapping[str, str]) -> Choice:
    learned: dict[str, Policy] = {PolicyName.FRAGMENTATION: _recent_demand.policy}
    seed = random.randrange(2**32)  # noqa: S311 (no secret)
    return Choice(rules.policy, by_pool, seed=seed, made=learned)


def pending_reservations() -> list[Reservation]:
    rows = statements.instances(Reservation, {"state": ReservationState.PENDING})
    return [row for row in rows if row.wait_until > timezone.now()]


def pending_lanes(pending: Iterable[Reservation], site_names: frozenset[str]) -> list[Lane]:
    """Each pending reservation stands alone."""
    now = timezone.now()
    found = []
    for row in pending:
        waited = (now - row.created_time).total_seconds()
        seconds = row.duration_seconds or UNKNOWN_SECONDS
        if row.until is not None:
            seconds = max(0, int((row.until - now).total_seconds()))
        request = reservation_request(row, site_names, seconds=seconds, waited_seconds=waited)
        found.append(Lane(row.submitted_by_id, [(Claim(row.pk, row.priority, waited), request)]))
    return found


def _until_due() -> float:
    """Not longer than until the first task whose back-off ends."""
    if not _is_anybody_pausing():
        return IDLE_SECONDS
    now = timezone.now()
    pausing = Task.objects.filter(status="waiting", not_before__gt=now, held_at__isnull=True)
    first = pausing.aggregate(first=Min("not_before"))["first"]
    if first is None:
        return IDLE_SECONDS
    until: float = (first - now).total_seconds()
    return min(IDLE_SECONDS, max(0.0, until))


def _is_anybody_pausing() -> bool:
    """Asked after each pass, and mostly there is nobody: without the ORM, by the index of those."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM tasks_task WHERE status = 'waiting' AND not_before IS NOT NULL LIMIT 1")
        return cursor.fetchone() is not None
