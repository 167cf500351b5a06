"""How often sub agents are asked to report while they have no news; with a lease, several times in it."""

from typing import Any

from django.conf import settings

from agents.pace import SHARE, Callers
from scheduler_site.shared import throughput
from tasks.host_ends import leases
from tasks.host_ends.leases import BEATS_IN_A_LEASE, REPORT_SECONDS
from tasks.models import SubAgent
from tasks.states import CLAIMED_STATES

reports = Callers(REPORT_SECONDS, lambda: throughput.at_most(settings.REPORTS_PER_SECOND, SHARE))


def silent_after_seconds() -> float:
    """Who has not reported for so long is not heard. Longer where many are asked to report more rarely."""
    return reports.stretched(settings.UNREACHABLE_SECONDS)


def after_restart() -> None:
    reports.expect(SubAgent.objects.filter(state__in=CLAIMED_STATES).count())


def next_in_seconds(replies: list[dict[str, Any]]) -> float:
    """After these replies to one report."""
    for reply in replies:
        reports.called(reply["sub_agent_id"])
    seconds = reports.seconds()
    has_lease = any(reply.get("renewal") for reply in replies)
    return min(seconds, leases.stop_after_seconds() / BEATS_IN_A_LEASE) if has_lease else seconds
