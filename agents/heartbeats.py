"""What happens when a main agent's heartbeat arrives: sign of life, figures, capacity. Hands out no work."""

import threading
import uuid

from django.db import transaction

from agents import inventory, liveness, readings
from agents.models import Agent
from agents.readings import Resources
from agents.sessions import come_online
from agents.states import Connectivity

_lock = threading.Lock()
_latest: dict[uuid.UUID, tuple[int, int]] = {}


def is_newer(agent: Agent, seq: int) -> bool:
    """Whether this heartbeat is the newest of the session; one that was delayed on the way is no sign of life."""
    with _lock:
        if _latest.get(agent.pk, (-1, -1)) >= (agent.epoch, seq):
            return False
        _latest[agent.pk] = (agent.epoch, seq)
        return True


def receive(agent: Agent, resources: Resources, accepts_work: bool) -> bool:
    """Returns whether placement should look again: the host came back, grew, shrank, or takes work again."""
    liveness.heard(agent.pk)
    readings.keep(agent.pk, resources)
    came_back = agent.connectivity != Connectivity.ONLINE
    capacity_changed = inventory.differs(agent, resources)
    if not (came_back or capacity_changed or accepts_work != agent.accepts_work):
        return False
    with transaction.atomic():
        come_online(agent)
        Agent.objects.filter(pk=agent.pk).update(accepts_work=accepts_work)
        inventory.store(agent, resources)
    return True
