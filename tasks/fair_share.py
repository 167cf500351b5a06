"""What each user holds and has used of the site: the only writer of UserUsage. Decides no order.

A share is the largest part of the site's cores, memory or cards that an allocation takes (dominant share; Ghodsi et
al., NSDI 2011). Use of the past counts half after each half-life.
"""

from collections import defaultdict
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet, Subquery
from django.utils import timezone

from agents.models import PlacementRules
from tasks.models import Allocation, Reservation, SubAgent, UserUsage
from tasks.states import SubAgentState


def used(now: datetime, half_life_hours: float) -> dict[int | None, float]:
    """By user: shares held now, plus past share-hours per half-life."""
    found: dict[int | None, float] = defaultdict(float)
    held = Allocation.objects.filter(released_at__isnull=True, inside__isnull=True)
    for by_task, by_reservation, share in held.values_list(
        "sub_agent__task__submitted_by", "reservation__submitted_by", "share"
    ):
        found[by_task or by_reservation] += share
    for user_id, share_hours, counted_at in UserUsage.objects.values_list("user", "share_hours", "counted_at"):
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
    held = Allocation.objects.filter(sub_agent=sub_agent, inside__isnull=True)
    columns = ("share", "sub_agent__started_at", "sub_agent__task__submitted_by", "own_since")
    row = held.values_list(*columns).first()
    if row is None or row[2] is None:
        return
    share, started_at, user_id, own_since = row
    if started_at is None:
        _add(user_id, share * (sub_agent.duration_seconds or 0.0))
        return
    since = max(started_at, own_since or started_at)
    _add(user_id, share * (timezone.now() - since).total_seconds())


def charge_reservation(reservation: Reservation) -> None:
    """Count a reservation that ends now, whether anything ran inside or not: nobody else could have it."""
    user_id = reservation.submitted_by_id
    share = Allocation.objects.filter(reservation=reservation).values_list("share", flat=True).first()
    if user_id is None or share is None or reservation.granted_at is None:
        return
    _add(user_id, share * (timezone.now() - reservation.granted_at).total_seconds())


@transaction.atomic
def _add(user_id: int, share_seconds: float) -> None:
    if share_seconds <= 0:
        return
    now, more = timezone.now(), share_seconds / 3600
    row = _locked().filter(user=user_id).first()
    if row is None:
        row, is_new = UserUsage.objects.get_or_create(
            user_id=user_id, defaults={"counted_at": now, "share_hours": more}
        )
        if is_new:
            return
        row = _locked().get(user=user_id)
    half_life = row.half_life or PlacementRules().usage_half_life_hours
    row.share_hours = decayed(row.share_hours, row.counted_at, now, half_life) + more
    row.counted_at = now
    row.save(update_fields=["share_hours", "counted_at"])


def _locked() -> QuerySet[Any]:
    """With the half-life beside it: an attempt's end is on the way of every task, so it should cost few queries."""
    half_life = Subquery(PlacementRules.objects.filter(pk=1).values("usage_half_life_hours"))
    return UserUsage.objects.select_for_update(no_key=True).annotate(half_life=half_life)
