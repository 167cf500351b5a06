"""What each user holds and has used of the site: the only writer of UserUsage. Decides no order.

A share is the largest part of the site's cores, memory or cards that an allocation takes (dominant share; Ghodsi et
al., NSDI 2011). Use of the past counts half after each half-life.
"""

from collections import defaultdict
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from agents.models import PlacementRules
from tasks.models import Allocation, SubAgent, UserUsage


def used(now: datetime, half_life_hours: float) -> dict[int | None, float]:
    """By user: shares held now, plus past share-hours per half-life."""
    found: dict[int | None, float] = defaultdict(float)
    held = Allocation.objects.filter(released_at__isnull=True, inside__isnull=True)
    for by_task, by_reservation, share in held.values_list(
        "sub_agent__task__submitted_by", "reservation__submitted_by", "share"
    ):
        found[by_task or by_reservation] += share
    for row in UserUsage.objects.all():
        found[row.user_id] += decayed(row.share_hours, row.counted_at, now, half_life_hours) / half_life_hours
    return found


def decayed(share_hours: float, counted_at: datetime, now: datetime, half_life_hours: float) -> float:
    """What is left of past use at `now`."""
    hours = max(0.0, (now - counted_at).total_seconds() / 3600)
    return float(share_hours * 0.5 ** (hours / half_life_hours))


@transaction.atomic
def charge(sub_agent: SubAgent) -> None:
    """Count an ended attempt. Nobody's tasks are not counted, and neither is what never started."""
    user_id = sub_agent.task.submitted_by_id
    allocation = Allocation.objects.filter(sub_agent=sub_agent).first()
    if user_id is None or allocation is None or sub_agent.started_at is None:
        return
    now = timezone.now()
    hours = max(0.0, (now - sub_agent.started_at).total_seconds() / 3600)
    row, _ = UserUsage.objects.select_for_update().get_or_create(user_id=user_id, defaults={"counted_at": now})
    half_life = PlacementRules.current().usage_half_life_hours
    row.share_hours = decayed(row.share_hours, row.counted_at, now, half_life) + allocation.share * hours
    row.counted_at = now
    row.save(update_fields=["share_hours", "counted_at"])
