"""The retention loop: what is too old is removed by policy, a batch in each turn, with a rest after it.

A sweep goes through everything, the next one begins RETENTION_EVERY_SECONDS later. Killed at any time it has removed
whole batches only, and the next sweep goes on with what is left.
"""

import logging
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils import timezone

from agents.models import EnrolmentToken
from scheduler_site.models import SignInLink
from scheduler_site.shared.failpoints import fail_at
from tasks.retention import ended_tasks, old_keys, old_output
from tasks.retention.policy import Policy, current, days_ago

log = logging.getLogger(__name__)

REST_SECONDS = 0.1
FIRST_AFTER_SECONDS = 60.0
BATCH = 500

_sweep: Iterator[None] | None = None
_has_begun = False


def retention_turn() -> float:
    """Returns the seconds to wait before the next turn. Not right after a start: hosts have much to tell then."""
    global _sweep, _has_begun
    fail_at("retention.turn")
    if not _has_begun:
        _has_begun = True
        return min(FIRST_AFTER_SECONDS, settings.RETENTION_EVERY_SECONDS)
    sweep, _sweep = _sweep or everything(current()), None  # one that raises is not gone on with
    for _ in sweep:
        _sweep = sweep
        return REST_SECONDS
    return float(settings.RETENTION_EVERY_SECONDS)


def everything(policy: Policy) -> Iterator[None]:
    """Stops after each batch."""
    yield from old_output.batches(policy)
    yield from ended_tasks.batches(policy)
    yield from old_keys.batches(policy)
    yield from _sessions()
    _links_and_tokens(policy)


def _sessions() -> Iterator[None]:
    """Of browsers that did not come back in time."""
    over = Session.objects.filter(expire_date__lt=timezone.now())
    while ids := list(over.values_list("pk", flat=True)[:BATCH]):
        Session.objects.filter(pk__in=ids).delete()
        yield


def _links_and_tokens(policy: Policy) -> None:
    """Secrets that open nothing any more. There are few: as many as people asked for."""
    if policy.key_days:
        before = days_ago(policy.key_days)
        SignInLink.objects.filter(expires_at__lt=before - timedelta(hours=settings.SIGN_IN_LINK_HOURS)).delete()
        is_spent = Q(uses_left=0, created_at__lt=before)
        EnrolmentToken.objects.filter(is_spent | Q(expires_at__lt=before)).delete()
