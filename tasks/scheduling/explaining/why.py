"""The whole answer to "why does it wait": the sentence with the queue in it, when and where it would start, and what
each host says. For one task at a time; lists use explain.py. Changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from agents.models import PlacementRules
from tasks import fair_share
from tasks.models import Task
from tasks.scheduling import run
from tasks.scheduling.explaining import explain, queue_words, run_times, scene, standing
from tasks.scheduling.explaining.forecast import MOST_LOOKS, Forecast, Rules, forecast
from tasks.scheduling.explaining.outlook import Outlook, outlooks
from tasks.scheduling.explaining.scene import Scene
from tasks.scheduling.explaining.standing import Standing
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.lane_queue import Lane
from tasks.scheduling.order import Claim
from tasks.scheduling.rows import facts, lanes
from tasks.scheduling.rows.request import task_request
from tasks.scheduling.values import Request

NOT_STORED = 2**62  # the id of a task that is only asked about: behind all others


@dataclass(frozen=True, slots=True)
class Why:
    """`starts_at` None: not within the horizon, or nothing to say. `basis`: what the forecast rests on.

    `adds`: the sentence says more than explain.sentence does.
    """

    sentence: str
    starts_at: datetime | None = None
    starts_on: list[str] = field(default_factory=list)
    basis: str = ""
    ahead: int = 0
    hosts: list[Outlook] = field(default_factory=list)
    adds: bool = False


def why(task: Task, most_looks: int = MOST_LOOKS) -> Why:
    """Of a task as it is in the database, or of one that was checked and not stored. `most_looks`: what the
    forecast may cost (tasks.scheduling.explaining.forecast)."""
    if not explain.is_queued(task):
        return Why(explain.sentence(task, None))
    seen = scene.load({task.reservation_id} if task.reservation_id else ())
    shape = task_request(task, seen.site_names).shape
    found = outlooks(shape, seen.hosts, seen.away, seen.unknown)
    if shape.reservation_id in seen.pending or shape.reservation_id in seen.closed:
        return Why(explain.sentence(task, seen), hosts=found)
    return _queued(task, seen, found, most_looks)


def _queued(task: Task, seen: Scene, found: list[Outlook], most_looks: int) -> Why:
    now = timezone.now()
    rules = PlacementRules.current()
    used = fair_share.used(now, rules.usage_half_life_hours)
    place = standing.of(task, now, used, rules.ageing_hours)
    policies = run.policies(rules, facts.policies())
    fleet = Fleet(seen.able, seen.site_total, seen.site_free)
    target, waiting = _queue_with(task, now, seen)
    order = Rules(policies, used, rules.ageing_hours, rules.hold_after_seconds)
    ahead = forecast(target, waiting, fleet, order, most_looks)
    names = [fleet.hosts[index].name for index in ahead.places]
    short = explain.sentence(task, seen)
    words = _sentence(task, short, seen, ahead, place, found)
    return Why(
        sentence=words,
        adds=words != short,
        starts_at=_moment(task, now, ahead),
        starts_on=names,
        basis=run_times.basis(ahead),
        ahead=place.ahead,
        hosts=found,
    )


def _queue_with(task: Task, now: datetime, seen: Scene) -> tuple[Request, list[Lane]]:
    """The queue as it is; a task that is not in it yet, or tries again later, stands there already."""
    waiting = [
        *lanes.load(lanes.heads(now), now, seen.site_names),
        *run.pending_lanes(run.pending_reservations(), seen.site_names),
    ]
    waited = (now - (task.waiting_since or now)).total_seconds()
    target = task_request(task, seen.site_names)
    if task.pk is not None and lanes.waiting_tasks(now).filter(pk=task.pk).exists():
        return target, waiting
    number = task.pk or NOT_STORED
    start_by = lanes.columns_of(task)["start_by"]
    start_in = (start_by - now).total_seconds() if start_by else None
    target = Request(number, target.shape, target.seconds, waited, target.owner)
    return target, [*waiting, Lane(target.owner, [(Claim(number, task.priority, waited, start_in), target)])]


def _moment(task: Task, now: datetime, ahead: Forecast) -> datetime | None:
    if ahead.in_seconds is None:
        return None
    at = now + timedelta(seconds=ahead.in_seconds)
    return max(at, task.not_before) if task.not_before is not None else at


def _sentence(task: Task, short: str, seen: Scene, ahead: Forecast, place: Standing, found: Sequence[Outlook]) -> str:
    with_room = [outlook.host for outlook in found if outlook.fits]
    words = queue_words.of_room(short, with_room, ahead, seen.able, task.node_count)
    owner = "" if task.submitted_by is None else task.submitted_by.get_username()
    behind = "" if ahead.in_seconds == 0 else queue_words.of_queue(place, owner)
    return f"{words} {behind}".strip()
