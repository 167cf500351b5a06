"""Turn one planned placement into sub agents and their allocations, or into a granted reservation, in one short
transaction. Losing the race is normal.

The plan was made on values that may be old by now, so the hosts are looked at again inside the transaction.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

from django.db import IntegrityError, transaction

from agents.models import Agent, CountedResource
from scheduler_site.shared import statements
from scheduler_site.shared.errors import DomainError
from scheduler_site.shared.failpoints import fail_at
from tasks import allocations, lifecycle
from tasks.models import Reservation, SubAgent, Task
from tasks.reserving import reservations
from tasks.scheduling import fit
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.rows import hosts
from tasks.scheduling.rows.facts import Facts
from tasks.scheduling.rows.request import reservation_request, site_resource_names, task_request
from tasks.scheduling.values import Held, Host, Placement, Request, Shape

log = logging.getLogger(__name__)

Claim = Callable[[SubAgent, Agent], None]
"""What a host that is being answered claims ahead: called with a sub agent and its locked host."""


def place(placement: Placement, share: float = 0.0, claim: Claim | None = None, known: Facts | None = None) -> bool:
    """`share`: what it takes of the site, for fair share. `claim` is called for what is placed on one host, in the same
    transaction. `known`: facts that are as the rows are. False: the task or the room is gone; the next pass plans
    again."""
    try:
        with transaction.atomic():
            is_placed = (
                _grant(placement, share, known)
                if placement.request.is_reservation
                else _place(placement, share, claim, known)
            )
            fail_at("place.before_commit")
        fail_at("place.after_commit")
        return is_placed
    except (DomainError, IntegrityError) as error:
        log.info("placement_superseded id=%s reason=%r", placement.request.id, str(error))
        return False


def _place(placement: Placement, share: float, claim: Claim | None, known: Facts | None) -> bool:
    """The hosts' rows are locked first, so that two server processes cannot both book the last core; then the task's,
    so that what is booked is what it asks for at that moment."""
    agents = _locked_hosts(placement)
    task = statements.instance(Task, {"pk": placement.request.id}, locked=True)
    if agents is None or task is None:
        return False
    held = _still_fits(task_request(task, _site_names(task)), agents, placement, known)
    if held is None:
        return False
    members = lifecycle.place(task.pk, agents)
    for sub_agent, part in zip(members, held, strict=True):
        allocations.hold_for_task(sub_agent, part, share / len(members), inside=task.reservation)
    if claim is not None and len(members) == 1:
        members[0].task = task
        claim(members[0], agents[0])
    return True


def _grant(placement: Placement, share: float, known: Facts | None) -> bool:
    agents = _locked_hosts(placement)
    reservation = Reservation.objects.select_for_update(no_key=True).filter(pk=placement.request.id).first()
    if agents is None or reservation is None:
        return False
    held = _still_fits(reservation_request(reservation, _site_names(reservation)), agents, placement, known)
    if held is None:
        return False
    reservations.grant(reservation, agents[0], held[0], share)
    return True


def _site_names(row: Task | Reservation) -> frozenset[str]:
    """They matter to what asks for counted resources at all."""
    return site_resource_names() if row.resources else frozenset()


def _locked_hosts(placement: Placement) -> list[Agent] | None:
    """In the order of the members; None when one of them gets no work any more. Locked in one order, whatever the
    members', so that two placements never wait for each other."""
    ids = [member.agent_id for member in placement.members]
    found: dict[str, Agent] = {}
    for agent_id in sorted(set(ids)):
        agent = statements.instance(Agent, {"pk": agent_id, **hosts.SCHEDULABLE}, locked=True)
        if agent is None:
            return None
        found[agent_id] = agent
    return [found[agent_id] for agent_id in ids]


def _still_fits(request: Request, agents: list[Agent], placement: Placement, known: Facts | None) -> list[Held] | None:
    """What each host gives, if all still can and the site's resources suffice. A gang that was edited meanwhile is
    planned again."""
    shape = request.shape
    if shape.node_count != len(placement.members):
        return None
    if shape.site_resources and _is_short_of_the_sites(shape):
        return None
    here = hosts.of_rows(agents, known)
    parts = []
    for member in placement.members:
        host = _part_of(here, member.agent_id, shape.reservation_id)
        if host is None:
            return None
        host.cards = [card for card in host.cards if card.gpu_id in member.gpu_ids]
        if fit.refusal(shape, host) is not None:
            return None
        parts.append(fit.held_by(shape, host, member.gpu_ids))
    return [_with_the_sites(parts[0], shape), *parts[1:]]


def _is_short_of_the_sites(shape: Shape) -> bool:
    """Under their lock: two placements on different hosts may draw on them at the same moment."""
    names = [name for name, _ in shape.site_resources]
    rows = CountedResource.objects.select_for_update(no_key=True).filter(agent__isnull=True, name__in=names)
    list(rows.order_by("pk").values_list("pk", flat=True))
    return bool(Fleet([], *hosts.site_resources()).site_lack(shape))


def _with_the_sites(held: Held, shape: Shape) -> Held:
    """What is taken of the site's own resources is noted once, with the first host."""
    return replace(held, resources=(*held.resources, *shape.site_resources))


def _part_of(found: list[Host], agent_id: str, reservation_id: int | None) -> Host | None:
    wanted = (host for host in found if host.agent_id == agent_id and host.reservation_id == reservation_id)
    return next(wanted, None)
