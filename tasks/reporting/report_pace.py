"""How often sub agents are asked to report while they have no news; with a lease, several times in it."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count

from agents.pace import SHARE, Callers
from scheduler_site.shared import throughput
from tasks.host_ends import leases
from tasks.host_ends.leases import BEATS_IN_A_LEASE, REPORT_SECONDS
from tasks.models import SubAgent
from tasks.states import CLAIMED_STATES

ENTRIES_OF_A_CALL = 8

reports = Callers(REPORT_SECONDS, lambda: throughput.at_most(settings.REPORTS_PER_SECOND, SHARE))


def silent_after_seconds() -> float:
    """Who has not reported for so long is not heard. Longer where many are asked to report more rarely."""
    return reports.stretched(settings.UNREACHABLE_SECONDS)


def after_restart() -> None:
    """Each host will speak for all of its own."""
    of_hosts = SubAgent.objects.filter(state__in=CLAIMED_STATES).order_by().values_list("agent").annotate(Count("pk"))
    reports.expect(sum(map(_calls, dict(of_hosts).values())))


def next_in_seconds(who: UUID, replies: list[dict[str, Any]]) -> float:
    """After these replies to one report of `who`, a sub agent or the main agent for all of its host: most of what a
    report costs is the request, so that many entries count as a few."""
    for number in range(_calls(len(replies))):
        reports.called((who, number))
    seconds = reports.seconds()
    has_lease = any(reply.get("renewal") for reply in replies)
    return min(seconds, leases.stop_after_seconds() / BEATS_IN_A_LEASE) if has_lease else seconds


def _calls(entries: int) -> int:
    """As how many calls a report with so many entries counts."""
    return 1 + entries // ENTRIES_OF_A_CALL
