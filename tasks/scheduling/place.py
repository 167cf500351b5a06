"""Turn one planned placement into a sub agent and its allocation, in one short transaction. Losing the race is normal.

The plan was made on values that may be old by now, so the host is looked at again inside the transaction.
"""

import logging

from django.db import IntegrityError, transaction

from agents.models import Agent, Gpu
from scheduler_site.shared.errors import DomainError
from tasks import allocations, lifecycle
from tasks.allocations import GpuGrant
from tasks.models import Task
from tasks.scheduling import fit, hosts
from tasks.scheduling.queue import request_of
from tasks.scheduling.values import Placement

log = logging.getLogger(__name__)


def place(placement: Placement) -> bool:
    """False: the task or the room is gone; the next pass plans again."""
    try:
        with transaction.atomic():
            return _place(placement)
    except (DomainError, IntegrityError) as error:
        log.info("placement_superseded task_id=%s reason=%r", placement.task_id, str(error))
        return False


def _place(placement: Placement) -> bool:
    """The host's row is locked first, so that two server processes cannot both book its last core; then the task's, so
    that what is booked is what it asks for at that moment."""
    agent = hosts.schedulable().select_for_update().filter(pk=placement.agent_id).first()
    task = Task.objects.select_for_update().filter(pk=placement.task_id).first()
    if agent is None or task is None or not _still_fits(task, agent, placement):
        return False
    sub_agent = lifecycle.place(task.pk, agent)
    allocations.hold(sub_agent, task.cpu_cores, task.memory_mib or 0, _gpu_grants(task, placement))
    return True


def _still_fits(task: Task, agent: Agent, placement: Placement) -> bool:
    (host,) = hosts.load(Agent.objects.filter(pk=agent.pk))
    host.cards = [card for card in host.cards if card.gpu_id in placement.gpu_ids]
    return fit.refusal(request_of(task), host) is None


def _gpu_grants(task: Task, placement: Placement) -> tuple[GpuGrant, ...]:
    """A whole card is booked with all its memory."""
    cards = Gpu.objects.in_bulk(placement.gpu_ids)
    return tuple(
        GpuGrant(gpu_id, (task.gpu_memory or 0) if task.gpu_share else (cards[gpu_id].memory_mib or 0), task.gpu_share)
        for gpu_id in placement.gpu_ids
    )
