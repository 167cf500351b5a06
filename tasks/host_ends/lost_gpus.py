"""Flags sub agents whose card fell off their host, and takes the flag back when it returns. Ends nothing.

The script may not need that card any more, or fail by itself with its own words. Nothing new is placed on the host
beyond what is left: a card that is not present is no card for the planner, and what is held stays held.
"""

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from agents.models import Agent
from scheduler_site.shared.actors import Actor
from tasks import messages
from tasks.history import record
from tasks.models import AllocatedGpu, SubAgent
from tasks.states import LIVE_STATES

_LOST = AllocatedGpu.objects.filter(allocation__sub_agent=OuterRef("pk"), released_at=None, gpu__is_present=False)


def flag(agent: Agent) -> None:
    """To be called when the host's cards may have changed. One that never had any waits for no transaction."""
    if agent.gpus.exists():
        _flag(agent)


@transaction.atomic
def _flag(agent: Agent) -> None:
    live = SubAgent.objects.filter(agent=agent, state__in=LIVE_STATES)
    for sub_agent in live.filter(Exists(_LOST), gpu_lost_at=None):
        cards = AllocatedGpu.objects.filter(allocation__sub_agent=sub_agent, gpu__is_present=False)
        names = ", ".join(str(index) for index in cards.order_by("gpu__index").values_list("gpu__index", flat=True))
        _set(sub_agent, agent, "gpu_lost", f"GPU {names} of {agent.name} does not answer any more.")
    for sub_agent in live.exclude(gpu_lost_at=None).exclude(Exists(_LOST)):
        _set(sub_agent, agent, "gpu_back", "")


def _set(sub_agent: SubAgent, agent: Agent, verb: str, reason: str) -> None:
    moment = timezone.now() if verb == "gpu_lost" else None
    SubAgent.objects.filter(pk=sub_agent.pk).update(gpu_lost_at=moment)
    record(sub_agent.task_id, verb, actor=Actor.agent(agent.name), reason=reason, sub_agent=sub_agent)
    messages.announce([sub_agent.task_id])
