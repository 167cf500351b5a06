"""What people should know of the hosts at once, as sentences for the overview. Changes nothing."""

from agents import breaker
from agents.models import Agent


def sentences() -> list[str]:
    return [sentence for sentence in (breaker.alarm(), *_quarantined()) if sentence]


def _quarantined() -> list[str]:
    rows = Agent.objects.exclude(quarantined_at=None).values_list("name", "quarantine_reason")
    return [f"{name} is in quarantine and gets no work. {reason}" for name, reason in rows]
