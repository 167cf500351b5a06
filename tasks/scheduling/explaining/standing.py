"""Where a task stands in the queue: how many come before it, and how many newer ones do because their users have used
less. Counts by the rules of order.py in the database, without reading the queue. Pending reservations are not counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from tasks.models import Task
from tasks.scheduling import order
from tasks.scheduling.order import PRESSING_SECONDS, Claim
from tasks.scheduling.rows import lanes

HIGHEST, LOWEST = 1, 5
Used = dict[int | None, float]


@dataclass(frozen=True, slots=True)
class Standing:
    """`overtaking`: of those ahead, the newer ones of users with a smaller share."""

    ahead: int
    overtaking: int


def of(task: Task, now: datetime, used: Used, ageing_hours: float) -> Standing:
    """A task that is not stored yet stands behind all that are equal otherwise."""
    since = task.waiting_since or now
    waited = (now - since).total_seconds()
    step = order.step(Claim(task.pk or 0, task.priority, waited), ageing_hours)
    others = lanes.waiting_tasks(now).exclude(pk=task.pk)
    same = _same_step(step, now, ageing_hours)
    presses = Q(start_by__lt=now + timedelta(seconds=PRESSING_SECONDS))
    is_calm = task.start_by is None or (task.start_by - now).total_seconds() >= PRESSING_SECONDS
    if not is_calm:
        return Standing(
            others.filter(_lower_step(step, now, ageing_hours) | Q(same, start_by__lt=task.start_by)).count(), 0
        )
    less = Q(same, ~presses, _with_share(task.submitted_by_id, used, is_less=True))
    older = Q(waiting_since__lt=since) | Q(waiting_since=since, pk__lt=task.pk or 2**62)
    equal = Q(same, ~presses, _with_share(task.submitted_by_id, used, is_less=False), older)
    before = _lower_step(step, now, ageing_hours) | Q(same, presses) | less | equal
    return Standing(others.filter(before).count(), others.filter(less, waiting_since__gt=since).count())


def _lower_step(step: int, now: datetime, ageing_hours: float) -> Q:
    """Those that priority or ageing puts before the step."""
    return _any(
        Q(priority=priority, waiting_since__lte=now - _age(priority - step + 1, ageing_hours))
        for priority in range(HIGHEST, LOWEST + 1)
    )


def _same_step(step: int, now: datetime, ageing_hours: float) -> Q:
    return _any(
        Q(
            priority=priority,
            waiting_since__lte=now - _age(priority - step, ageing_hours),
            waiting_since__gt=now - _age(priority - step + 1, ageing_hours),
        )
        for priority in range(max(HIGHEST, step), LOWEST + 1)
    )


def _age(steps: int, ageing_hours: float) -> timedelta:
    """Waiting of so many steps; the least there is counts as none."""
    return timedelta(hours=max(0, steps) * ageing_hours)


def _with_share(owner: int | None, used: Used, *, is_less: bool) -> Q:
    """Tasks of users whose share is smaller than the owner's, or the same. Who is not in `used` has none."""
    own = used.get(owner, 0.0)
    if is_less:
        as_much = {user for user, share in used.items() if share >= own}
        return ~_of_users(as_much) if own > 0.0 else Q(pk__in=())
    if own > 0.0:
        return _of_users({user for user, share in used.items() if share == own})
    return ~_of_users({user for user, share in used.items() if share > 0.0})


def _of_users(users: set[int | None]) -> Q:
    known = Q(submitted_by__in=[user for user in users if user is not None])
    return known | Q(submitted_by__isnull=True) if None in users else known


def _any(conditions: Iterable[Q]) -> Q:
    found = Q(pk__in=())
    for condition in conditions:
        found |= condition
    return found
