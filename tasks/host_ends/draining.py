"""Ends the draining of hosts on which nothing runs any more: a step of the reaper's turn."""

from django.db.models import Exists, OuterRef

from agents import administration, endings
from agents.models import Agent
from agents.states import Standing
from tasks.host_ends.giving_up import race_may_be_lost
from tasks.models import SubAgent
from tasks.states import LIVE_STATES

_LIVE = SubAgent.objects.filter(agent=OuterRef("pk"), state__in=LIVE_STATES)


def turn() -> None:
    for agent in Agent.objects.filter(standing=Standing.DRAINING).exclude(Exists(_LIVE)):
        with race_may_be_lost():
            administration.drained(agent)
    endings.forget_unheard()
