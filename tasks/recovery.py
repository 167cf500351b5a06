"""One turn of the reaper loop: every state that waits for somebody has a deadline, and this is who looks at it.

Each expiry is its own transaction and compares before it sets, so a report that comes in between wins. Deadlines are
looked at in every turn, never only at the moment of a change: a crash or a race would swallow that moment. Not a queued
job: a loop of the server, supervised like the others.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce
from django.utils import timezone

from agents import breaker, doorbell, inventory_requests, liveness, pace, supervision
from agents.states import Connectivity, Standing
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.failpoints import fail_at
from tasks import lifecycle, messages, run_time, steady, sub_agent_lifecycle
from tasks.host_ends import draining, giving_up, kept, leases
from tasks.models import SubAgent
from tasks.output import logs
from tasks.querysets import live_sub_agents
from tasks.reporting import report_pace
from tasks.reserving import reservation_deadlines
from tasks.states import CLAIMED_STATES, EndReason, SubAgentState

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0
SETTLE_SECONDS = 1.0
LIMIT_SLACK_SECONDS = 60.0
DRAIN_WITHIN_SECONDS = 24 * 3600.0
DRAINS_EVERY_SECONDS = 600.0

_last_turn: float | None = None
_drains_looked_at: float | None = None


def reaper_turn() -> float:
    """Returns the seconds to wait before the next turn."""
    fail_at("reaper.turn")
    _excuse_own_stall()
    failures = [error for step in (_watch_hosts, *_STEPS) if (error := _failure_of(step)) is not None]
    if failures:
        raise failures[0]
    return INTERVAL_SECONDS


def _failure_of(step: Callable[[], object]) -> Exception | None:
    """A step that fails does not keep the others waiting; the turn fails all the same, so that /health/ says so."""
    try:
        step()
    except Exception as error:
        log.exception("reaper_step_failed step=%s", step.__name__)
        return error
    return None


def _watch_hosts() -> None:
    """Who is silent, and what is given up for that unless too many are."""
    supervision.sweep()
    if breaker.turn() or liveness.in_amnesty():
        return
    giving_up.lose_long_unreachable()
    giving_up.fail_over()


def after_restart() -> None:
    """From now on, until its first turn, this process stands by."""
    global _last_turn
    _last_turn = leases.clock()


def _excuse_own_stall() -> None:
    """If this loop itself stood still (a suspended machine, a locked database, another process had its lease),
    hosts were not silent during that time."""
    global _last_turn
    now = leases.clock()
    steady.note()
    if _last_turn is not None and (late := now - _last_turn - INTERVAL_SECONDS) > settings.STALL_SECONDS:
        log.warning("reaper_stalled seconds=%.1f", late)
        liveness.excuse(late)
    _last_turn = now


def _flag_unreachable() -> None:
    """A flag and a deadline, nothing more: the scripts may be running well. A sub agent that still reports while its
    main agent is silent gets none."""
    if liveness.in_amnesty():
        return
    claimed = live_sub_agents(CLAIMED_STATES).annotate(heard_at=Coalesce("last_heartbeat_time", "claimed_at"))
    silent = claimed.filter(
        unreachable_since=None,
        agent__connectivity=Connectivity.UNREACHABLE,
        heard_at__lt=_ago(report_pace.silent_after_seconds()),
    )
    found = dict(silent.values_list("pk", "task_id"))
    if found:
        with transaction.atomic():
            rows = SubAgent.objects.filter(pk__in=list(found), state__in=CLAIMED_STATES)
            rows.update(unreachable_since=timezone.now())
            messages.announce(found.values())


def _revoke_unclaimed() -> None:
    """The host did not accept in time, or may get no work any more: the task goes back, nothing was executed. A member
    of a gang whose hosts have all accepted is about to start and goes on."""
    if liveness.in_amnesty():
        return
    assigned = live_sub_agents([SubAgentState.ASSIGNED]).select_related("agent")
    within = pace.beats.stretched(settings.CLAIM_SECONDS)  # who is asked to beat more rarely hears of it later
    for sub_agent in assigned.filter(claim_nonce="", created_time__lt=_ago(within)):
        if steady.age(sub_agent.created_time) < within:
            continue
        is_heard = sub_agent.agent.connectivity == Connectivity.ONLINE  # a silent host is no bad one
        _revoke(sub_agent, f"{sub_agent.agent.name} did not accept it in time", blames_host=is_heard)
    for sub_agent in assigned.filter(_IS_NOT_OPEN).exclude(agent__standing=Standing.ACTIVE, agent__quarantined_at=None):
        _revoke(sub_agent, f"{sub_agent.agent.name} is {sub_agent.agent.standing}")
    for sub_agent in assigned.filter(~_IS_NOT_OPEN, ~_claimed_since(_ago(within))):
        _revoke(sub_agent, f"{sub_agent.agent.name} accepted it and did not ask for it again in time")


_MEMBERS = SubAgent.objects.filter(task=OuterRef("task"), attempt_no=OuterRef("attempt_no"))
_IS_NOT_OPEN = Exists(_MEMBERS.filter(state=SubAgentState.ASSIGNED, claim_nonce=""))


def _claimed_since(moment: datetime) -> Exists:
    return Exists(_MEMBERS.filter(claimed_at__gte=moment))


def _revoke(sub_agent: SubAgent, detail: str, *, blames_host: bool = False) -> None:
    with giving_up.race_may_be_lost():
        lifecycle.give_back(sub_agent, SubAgentState.REVOKED, detail, actor=SYSTEM, blames_host=blames_host)


def _ask_about_unstarted() -> None:
    """Claimed and silent while its host is heard: the host says what it has, and reconciling decides."""
    starting = live_sub_agents([SubAgentState.STARTING]).filter(
        claimed_at__lt=_ago(settings.START_SECONDS),
        agent__connectivity=Connectivity.ONLINE,
    )
    for agent_id in starting.values_list("agent_id", flat=True).distinct():
        inventory_requests.ask(agent_id)


def _stop_overdue() -> None:
    """The sub agent counts the time limit itself; this is the second lock, for one that does not."""
    limited = live_sub_agents([SubAgentState.RUNNING]).filter(task__time_limit_seconds__isnull=False)
    columns = ("agent_id", "unreachable_since", "stop_reason", "task__time_limit_seconds", "task__grace_seconds")
    running = list(limited.select_related("task").only(*columns))
    run_time.forget_all_but({sub_agent.pk for sub_agent in running})
    heard = [sub_agent for sub_agent in running if sub_agent.unreachable_since is None]
    run_time.add_turn(sub_agent.pk for sub_agent in heard)
    for sub_agent in heard:
        limit = (sub_agent.task.time_limit_seconds or 0) + sub_agent.task.grace_seconds + LIMIT_SLACK_SECONDS
        if not sub_agent.stop_reason and run_time.of(sub_agent.pk) > limit:
            sub_agent_lifecycle.request_stop(sub_agent, EndReason.TIMEOUT)
            doorbell.ring(sub_agent.agent_id)


def _give_up_draining() -> None:
    """Output that did not come within a day of the end is not waited for; should it come later, it is still stored."""
    global _drains_looked_at
    now = leases.clock()
    if _drains_looked_at is None or now - _drains_looked_at > DRAINS_EVERY_SECONDS:
        _drains_looked_at = now
        logs.give_up(_ago(DRAIN_WITHIN_SECONDS))


def _settle_dependants() -> None:
    """Of ended tasks with more dependants than one transaction settles: batch by batch, not too many in one turn."""
    until = time.monotonic() + SETTLE_SECONDS
    while lifecycle.settle_left() and time.monotonic() < until:
        fail_at("reaper.between_batches")


_STEPS = (
    _flag_unreachable,
    _revoke_unclaimed,
    _ask_about_unstarted,
    kept.ask_who_came_back,
    _stop_overdue,
    _give_up_draining,
    _settle_dependants,
    draining.turn,
    reservation_deadlines.end_overdue,
    reservation_deadlines.let_out_late_comers,
)


def _ago(seconds: float) -> datetime:
    return timezone.now() - timedelta(seconds=seconds)
