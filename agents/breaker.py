"""The mass-lapse breaker: when many hosts fall silent at once, the network or this server is to blame, not they.

While it is open nothing is given up (tasks.recovery asks), and pages show an alarm. It closes one lease after one of
the silent hosts was heard again, at the latest after BREAKER_LONGEST_SECONDS. Lapses are counted in the memory of the
one process whose reaper acts; that it is open is a row, so that a restart does not close it.
"""

import time
import uuid

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from agents.models import Agent, Breaker
from agents.placement_history import record
from agents.states import RETIRED, Connectivity
from scheduler_site.shared.actors import SYSTEM

_lapses: dict[uuid.UUID, float] = {}
_open_since: float | None = None
_heard_at: float | None = None


def count(agent: Agent) -> None:
    """It has just become unreachable. Counted one by one: a turn that fails later must not forget it."""
    if agent.standing not in RETIRED:
        _lapses[agent.pk] = time.monotonic()


def turn() -> bool:
    """One look per turn of the reaper, after the hosts were looked at. Returns whether it is open."""
    now = time.monotonic()
    _forget_old(now)
    row = Breaker.objects.filter(pk=1).exclude(opened_at=None).first()
    if row is None:
        return _may_open(now) if _lapses else False
    return not _may_close(row, now)


def alarm() -> str:
    """The sentence for people while it is open, else nothing."""
    row = Breaker.objects.filter(pk=1).exclude(opened_at=None).first()
    return f"{row.reason} Until some are heard again no task is given up." if row else ""


def _forget_old(now: float) -> None:
    for agent_id in [key for key, at in _lapses.items() if now - at > settings.BREAKER_WINDOW_SECONDS]:
        del _lapses[agent_id]


def _may_open(now: float) -> bool:
    online = Agent.objects.exclude(connectivity=Connectivity.UNREACHABLE).exclude(standing__in=RETIRED).count()
    silent = len(_lapses)
    is_mass = silent >= settings.BREAKER_HOSTS and silent * 100 > settings.BREAKER_PERCENT * (silent + online)
    if not is_mass and (online or not silent):
        return False
    _open(f"{silent} of {silent + online} hosts fell silent at once." if online else "No host is heard any more.", now)
    return True


@transaction.atomic
def _open(reason: str, now: float) -> None:
    global _open_since, _heard_at
    _open_since, _heard_at = now, None
    lapsed = [str(agent_id) for agent_id in _lapses]
    columns = {"opened_at": timezone.now(), "reason": reason, "lapsed": lapsed}
    Breaker.objects.update_or_create(pk=1, defaults=columns)
    record("hosts", "breaker_opened", actor=SYSTEM, reason=reason)


def _may_close(row: Breaker, now: float) -> bool:
    """Time is counted anew after a restart: nobody knows what happened meanwhile."""
    global _open_since, _heard_at
    _open_since = now if _open_since is None else _open_since
    if _heard_at is None and _is_one_back(row):
        _heard_at = now
    is_heard = _heard_at is not None and now - _heard_at >= settings.UNREACHABLE_SECONDS
    if not is_heard and now - _open_since < settings.BREAKER_LONGEST_SECONDS:
        return False
    _close("hosts are heard again" if is_heard else "it was open for as long as it may be")
    return True


def _is_one_back(row: Breaker) -> bool:
    rows = Agent.objects.filter(pk__in=row.lapsed)
    return rows.exclude(connectivity=Connectivity.UNREACHABLE).exists()


@transaction.atomic
def _close(reason: str) -> None:
    global _open_since, _heard_at
    _open_since = _heard_at = None
    _lapses.clear()
    Breaker.objects.filter(pk=1).update(opened_at=None, reason="", lapsed=[])
    record("hosts", "breaker_closed", actor=SYSTEM, reason=reason)
