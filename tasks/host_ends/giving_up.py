"""Attempts whose host is not heard any more are given up at their deadline. Only said to do so when nothing speaks
against it: no amnesty, no open breaker (tasks.recovery).

Each in a transaction of its own, which looks once more whether it is still silent: whatever was heard in between wins.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from scheduler_site.shared.actors import SYSTEM, Actor
from scheduler_site.shared.errors import DomainError
from scheduler_site.shared.failpoints import fail_at
from tasks import describe, lifecycle, steady
from tasks.host_ends import leases
from tasks.lifecycle.rows import locked
from tasks.models import SubAgent
from tasks.outcome import Outcome, lost
from tasks.querysets import live_sub_agents
from tasks.reporting import usage
from tasks.states import CLAIMED_STATES, EndReason, Kept

_SIGNS_OF_LIFE = ("unreachable_since", "last_heartbeat_time", "renewals")

log = logging.getLogger(__name__)


def lose_long_unreachable() -> None:
    """So long without a word: the result will not come. Its processes may still run, so nothing is tried again by
    itself."""
    since = timezone.now() - timedelta(seconds=settings.LOST_AFTER_SECONDS)
    rows = live_sub_agents(CLAIMED_STATES).filter(unreachable_since__lt=since)
    for sub_agent in rows.select_related("agent"):
        if sub_agent.unreachable_since is None or steady.age(sub_agent.unreachable_since) < settings.LOST_AFTER_SECONDS:
            continue
        detail = f"{sub_agent.agent.name} has not been heard for {describe.duration(int(settings.LOST_AFTER_SECONDS))}."
        give_up(sub_agent, lost(EndReason.HOST_LOST, detail, is_proven=False, keeps=Kept.HOST_LOST))


def fail_over() -> None:
    """Failover tasks on a silent host, once whatever was left there must have been stopped by the host itself."""
    for sub_agent in leases.observe():
        if sub_agent.unreachable_since is not None:
            detail = f"{sub_agent.agent.name} has not been heard; what it ran has been stopped there by now."
            give_up(sub_agent, lost(EndReason.HOST_LOST, detail, is_proven=True, keeps=Kept.HOST_LOST))


def give_up(sub_agent: SubAgent, outcome: Outcome, actor: Actor = SYSTEM) -> None:
    """Nothing, when it was heard since `sub_agent` was read."""
    with race_may_be_lost(), transaction.atomic():
        locked(sub_agent.task_id)  # before the sub agent's, as everywhere
        as_seen = {name: getattr(sub_agent, name) for name in _SIGNS_OF_LIFE}
        row = SubAgent.objects.select_for_update(no_key=True).filter(pk=sub_agent.pk, **as_seen)
        if usage.was_heard(sub_agent.pk) or row.first() is None:
            log.info("expiry_superseded sub_agent_id=%s detail='heard meanwhile'", sub_agent.pk)
            return
        lifecycle.finish(sub_agent, outcome, actor=actor)


@contextmanager
def race_may_be_lost() -> Iterator[None]:
    """A report that came in between wins, and one row's trouble must not keep the others waiting."""
    try:
        yield
    except DomainError as error:
        log.info("expiry_superseded detail=%r", error.detail)
    fail_at("reaper.between_expiries")
