"""What each user holds and has used of the site: the only writer of UserUsage. Decides no order.

A share is the largest part of the site's cores, memory or cards that an allocation takes (dominant share; Ghodsi et
al., NSDI 2011). Use of the past counts half after each half-life.
"""

from collections import defaultdict
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from agents.models import PlacementRules
from scheduler_site.shared import statements
from tasks.models import Allocation, Reservation, SubAgent, UserUsage
from tasks.states import SubAgentState

# The sign keeps SQLite from the index of what is inside of a reservation: of all that ever was, nearly nothing is.
_HELD = """
SELECT COALESCE(task.submitted_by_id, reservation.submitted_by_id), SUM(held.share)
FROM tasks_allocation AS held
LEFT JOIN tasks_subagent AS sub_agent ON sub_agent.id = held.sub_agent_id
LEFT JOIN tasks_task AS task ON task.id = sub_agent.task_id
LEFT JOIN tasks_reservation AS reservation ON reservation.id = held.reservation_id
WHERE held.released_at IS NULL AND +held.inside_id IS NULL GROUP BY 1
"""


def used(now: datetime, half_life_hours: float) -> dict[int | None, float]:
    """By user: shares held now, plus past share-hours per half-life."""
    found: dict[int | None, float] = defaultdict(float)
    with connection.cursor() as cursor:
        cursor.execute(_HELD)
        found.update({user_id: float(share) for user_id, share in cursor.fetchall()})
    for user_id, share_hours, counted_at in statements.rows(UserUsage, ["user_id", "share_hours", "counted_at"], {}):
        found[user_id] += decayed(share_hours, counted_at, now, half_life_hours) / half_life_hours
    return found


def decayed(share_hours: float, counted_at: datetime, now: datetime, half_life_hours: float) -> float:
    """What is left of past use at `now`."""
    hours = max(0.0, (now - counted_at).total_seconds() / 3600)
    return float(share_hours * 0.5 ** (hours / half_life_hours))


def charge(sub_agent: SubAgent) -> None:
    """Count an attempt that has just ended, each member of a gang by itself. Nobody's tasks are not counted, neither
    what never started nor what a host lost: that is no use its user had. What ran inside a reservation is the
    reservation's."""
    if sub_agent.state == SubAgentState.LOST:
        return
    held = statements.row(Allocation, ["share", "own_since"], {"sub_agent_id": sub_agent.pk, "inside_id": None})
    user_id = sub_agent.task.submitted_by_id
    if held is None or user_id is None:
        return
    share, own_since = held
    if sub_agent.started_at is None:
        _add(user_id, share * (sub_agent.duration_seconds or 0.0))
        return
    since = max(sub_agent.started_at, own_since or sub_agent.started_at)
    _add(user_id, share * (timezone.now() - since).total_seconds())


def charge_reservation(reservation: Reservation) -> None:
    """Count a reservation that ends now, whether anything ran inside or not: nobody else could have it."""
    user_id = reservation.submitted_by_id
    share = Allocation.objects.filter(reservation=reservation).values_list("share", flat=True).first()
    if user_id is None or share is None or reservation.granted_at is None:
        return
    _add(user_id, share * (timezone.now() - reservation.granted_at).total_seconds())


@transaction.atomic(savepoint=False)  # part of the end of an attempt
def _add(user_id: int, share_seconds: float) -> None:
    if share_seconds <= 0:
        return
    now, more = timezone.now(), share_seconds / 3600
    row = _locked(user_id)
    if row is None:
        row, is_new = UserUsage.objects.get_or_create(
            user_id=user_id, defaults={"counted_at": now, "share_hours": more}
        )
        if is_new:
            return
        row = _locked(user_id) or row
    share_hours = decayed(row.share_hours, row.counted_at, now, _half_life_hours()) + more
    statements.update(UserUsage, {"user_id": user_id}, share_hours=share_hours, counted_at=now)


def _locked(user_id: int) -> UserUsage | None:
    return statements.instance(UserUsage, {"user_id": user_id}, locked=True)


def _half_life_hours() -> float:
    known = statements.row(PlacementRules, ["usage_half_life_hours"], {"pk": 1})
    hours: float = known[0] if known else PlacementRules().usage_half_life_hours
    return hours
