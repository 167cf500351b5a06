"""Which hosts are kept free now for tasks that waited long: the scheduler's own pass on copies. Places nothing."""

from datetime import datetime, timedelta
from itertools import islice

from django.utils import timezone

from agents.models import PlacementRules
from tasks import fair_share
from tasks.scheduling import release, run
from tasks.scheduling.explaining.scene import Scene
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.holds import Hold
from tasks.scheduling.lane_queue import LaneQueue
from tasks.scheduling.planner import Planner
from tasks.scheduling.rows import facts, lanes

MOST_PLACEMENTS = 200  # a long burst that is being placed right now is not followed to its end


def by_host(seen: Scene) -> dict[str, Hold]:
    """Empty, and cheap, as long as nobody has waited long."""
    now, rules = timezone.now(), PlacementRules.current()
    if not _somebody_waited(now, rules.hold_after_seconds):
        return {}
    fleet = Fleet([release.copy_of(host) for host in seen.able], seen.site_total, seen.site_free)
    waiting = [
        *lanes.load(lanes.heads(now), now, seen.site_names, fleet),
        *run.pending_lanes(run.pending_reservations(), seen.site_names),
    ]
    queue = LaneQueue(waiting, fair_share.used(now, rules.usage_half_life_hours), rules.ageing_hours)
    planner = Planner(queue, fleet, run.policies(rules, facts.policies()), rules.hold_after_seconds)
    for _ in islice(planner.placements(), MOST_PLACEMENTS):
        pass
    return {fleet.hosts[place].name: hold for place, hold in planner.plan.holds.by_place.items()}


def _somebody_waited(now: datetime, seconds: float) -> bool:
    return lanes.waiting_tasks(now).filter(waiting_since__lte=now - timedelta(seconds=seconds)).exists()
