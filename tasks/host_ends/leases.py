"""Leases of failover tasks: for how long a host may execute without word from us, and when that is surely over.

A host counts from the *sending* of the last report that was answered. We count from when the reaper first saw a renewal
that was written before its answer left: always later, whatever clocks, crashes and stalls do, so nothing but the rate
of clocks is trusted. A renewal is not written for each report, but at least once in `write_every()`.
"""

import threading
import time
import uuid

from django.conf import settings
from django.db.models import F, Value
from django.db.models.functions import Coalesce, Greatest

from tasks.models import SubAgent, Task
from tasks.querysets import live_sub_agents
from tasks.retry_policy import policy_of
from tasks.states import CLAIMED_STATES, OnHostLoss

BEATS_IN_A_LEASE = 5
REPORT_SECONDS = 1.0
DRIFT = 1.01
MANY_WRITTEN = 10_000

# Of every lease in every second: no more than that. What the end of one needs besides is read then.
_LOOKED_AT = (
    "renewals",
    "granted_seconds",
    "unreachable_since",
    "last_heartbeat_time",
    "task_id",
    "fence",
    "state",
    "agent__name",
)

_lock = threading.Lock()
_written: dict[uuid.UUID, float] = {}
_seen: dict[uuid.UUID, tuple[int, float]] = {}


def clock() -> float:
    """Monotonic seconds in which, where the system can say it, a suspended machine counts."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def stop_after_seconds() -> float:
    """Never so short that a few lost reports would end a script."""
    return max(settings.FAILOVER_STOP_SECONDS, BEATS_IN_A_LEASE * REPORT_SECONDS)


def write_every() -> float:
    return max(REPORT_SECONDS, stop_after_seconds() / 10)


def begin(sub_agent: SubAgent) -> dict[str, float] | None:
    """The host accepted, and says that it can fence: one that does not know leases goes on without contact."""
    return _granted(sub_agent) if is_failover(sub_agent.task) else None


def is_failover(task: Task) -> bool:
    """Asked for as such, or by naming `host_lost` among the failures to be tried again."""
    return task.on_host_loss == OnHostLoss.FAILOVER or policy_of(task).replaces_lost_hosts


def renew(sub_agent: SubAgent) -> dict[str, float] | None:
    """What the answer to a report grants. None: it has no lease, or is not to run any more."""
    return _granted(sub_agent) if sub_agent.granted_seconds is not None and sub_agent.is_live else None


def _granted(sub_agent: SubAgent) -> dict[str, float] | None:
    granted = stop_after_seconds()
    now = clock()
    with _lock:
        is_fresh = now - _written.get(sub_agent.pk, -write_every()) < write_every()
    if not is_fresh:
        if not _write(sub_agent, granted):
            return None
        _note_written(sub_agent.pk, now)
    return {"stop_after_seconds": granted, "kill_within_seconds": settings.FAILOVER_KILL_SECONDS}


def _note_written(sub_agent_id: uuid.UUID, now: float) -> None:
    """Forgotten here as well: where another process has the reaper nobody looks at what lives."""
    with _lock:
        if len(_written) >= MANY_WRITTEN:
            for key in [key for key, at in _written.items() if now - at >= write_every()]:
                del _written[key]
        _written[sub_agent_id] = now


def _write(sub_agent: SubAgent, granted: float) -> bool:
    longest = Greatest(Coalesce(F("granted_seconds"), Value(0.0)), Value(granted))
    row = SubAgent.objects.filter(pk=sub_agent.pk, fence=sub_agent.fence, state__in=CLAIMED_STATES)
    return row.update(renewals=F("renewals") + 1, granted_seconds=longest) == 1


def observe() -> list[SubAgent]:
    """One look per turn of the reaper at every lease that is out; returns those that are surely over."""
    now = clock()
    leased = live_sub_agents(CLAIMED_STATES).filter(granted_seconds__isnull=False)
    found = list(leased.select_related("agent").only(*_LOOKED_AT))
    _forget_others({sub_agent.pk for sub_agent in found})
    return [sub_agent for sub_agent in found if now - _unchanged_since(sub_agent, now) > over_after(sub_agent)]


def over_after(sub_agent: SubAgent) -> float:
    """Seconds after which nothing of it can run: the longest lease that may be out, and the time it takes to kill."""
    granted = sub_agent.granted_seconds or stop_after_seconds()
    bound = (granted + settings.FAILOVER_KILL_SECONDS) * DRIFT + settings.FAILOVER_MARGIN_SECONDS
    return bound + write_every()


def _unchanged_since(sub_agent: SubAgent, now: float) -> float:
    renewals, since = _seen.get(sub_agent.pk, (-1, now))
    if renewals != sub_agent.renewals:
        since = now
    _seen[sub_agent.pk] = (sub_agent.renewals, since)
    return since


def _forget_others(live: set[uuid.UUID]) -> None:
    with _lock:
        for key in _written.keys() - live:
            del _written[key]
    for key in _seen.keys() - live:
        del _seen[key]
