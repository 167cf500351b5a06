"""Load the hosts as values: what each has and what of it is free, and the parts that reservations hold as hosts of
their own. Changes nothing. What processes outside Nightshift use is foreign.py's arithmetic.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from agents import labels, readings
from agents.models import Agent, CountedResource, Gpu
from agents.readings import Resources
from agents.states import RETIRED, Connectivity, Standing
from scheduler_site.shared import statements
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.rows import facts, foreign, holdings, reserved
from tasks.scheduling.rows.facts import Facts
from tasks.scheduling.rows.holdings import Holding
from tasks.scheduling.rows.request import centicores
from tasks.scheduling.values import Card, Host

SCHEDULABLE = {
    "connectivity": Connectivity.ONLINE,
    "standing": Standing.ACTIVE,
    "accepts_work": True,
    "quarantined_at": None,
}


def schedulable() -> QuerySet[Agent]:
    """Hosts that may get work now."""
    return Agent.objects.filter(**SCHEDULABLE)


def known() -> QuerySet[Agent]:
    """Hosts that may get work some day, once they have said what they have: one that just enrolled has not."""
    return Agent.objects.exclude(standing__in=RETIRED).filter(cpu_cores__gt=0)


def load_fleet(agents: QuerySet[Agent]) -> Fleet:
    """The hosts in the order of their names, so that plans repeat, and what is free of the site's own resources."""
    return load_fleet_and_facts(agents)[0]


def load_fleet_and_facts(agents: QuerySet[Agent]) -> tuple[Fleet, Facts]:
    found = list(agents.order_by("name"))
    known = facts.read([agent.pk for agent in found])
    return Fleet(of_rows(found, known), *site_resources()), known


def site_resources() -> tuple[dict[str, int], dict[str, int]]:
    """The site's own: how much there is of each, and how much of that is free."""
    total = dict(statements.rows(CountedResource, ["name", "total"], {"agent_id": None}))
    held = holdings.site_resources_held(frozenset(total)) if total else {}
    return total, {name: amount - held.get(name, 0) for name, amount in total.items()}


def load(agents: QuerySet[Agent]) -> list[Host]:
    return of_rows(list(agents.order_by("name")))


def of_rows(agents: Sequence[Agent], known: Facts | None = None) -> list[Host]:
    """In the order given; each is followed by the parts of it that reservations hold. `known` facts are not read."""
    ids = [agent.pk for agent in agents]
    here = _Here(known or facts.read(ids), _gpus(ids), holdings.load(ids))
    now = timezone.now()
    found: list[Host] = []
    for agent in agents:
        found.append(_host(agent, here, now))
        found += [_inside(agent, outer, here, now) for outer in here.holdings[agent.pk] if outer.reservation_id]
    return found


class _Gpu(NamedTuple):
    """A card's columns. No model row: a fleet has thousands, and every pass reads them."""

    pk: int
    agent_id: UUID
    number: int
    uuid: str
    name: str
    memory_mib: int | None


@dataclass(frozen=True, slots=True)
class _Here:
    """What belongs to the hosts."""

    facts: Facts
    gpus: Mapping[UUID, list[_Gpu]]
    holdings: Mapping[UUID, list[Holding]]


def _gpus(ids: Sequence[UUID]) -> dict[UUID, list[_Gpu]]:
    found: dict[UUID, list[_Gpu]] = defaultdict(list)
    columns = ["id", "agent_id", "index", "uuid", "name", "memory_mib"]
    present = map(_Gpu._make, statements.rows_among(Gpu, columns, "agent_id", ids, is_present=True))
    for gpu in sorted(present, key=lambda gpu: gpu.number):
        found[gpu.agent_id].append(gpu)
    return found


def _host(agent: Agent, here: _Here, now: datetime) -> Host:
    held = _direct(here.holdings[agent.pk])
    reading = readings.latest(agent)
    outside = foreign.memory_mib(reading.memory_used_mib, here.holdings[agent.pk])
    on_cards = foreign.by_card(reading.gpus, here.holdings[agent.pk])
    return Host(
        **_described(agent, here),
        total_centicores=(cores := centicores(agent.cpu_cores)),
        free_centicores=cores - sum(holding.held.cpu_centicores for holding in held),
        total_memory_mib=agent.memory_mib,
        free_memory_mib=_left(agent.memory_mib, outside + sum(holding.booked_memory_mib for holding in held)),
        foreign_memory_mib=outside,
        total_disk_mib=reading.disk_total_mib,
        free_disk_mib=_left(reading.disk_free_mib, sum(holding.held.disk_mib for holding in held)),
        total_resources=(total := dict(here.facts.counted.get(agent.pk, {}))),
        free_resources=_free(total, held),
        cards=_with_start_hold(_cards(here.gpus[agent.pk], held, on_cards), agent, here, now),
        weight=float(agent.weight),
        load=(reading.cpu_usage or 0.0) / 100,
        turn=agent.turn,
        holders=len(held),
        whole_held=any(holding.held.whole_host for holding in held),
        endings=[holding.ending(now) for holding in held],
    )


def _inside(agent: Agent, outer: Holding, here: _Here, now: datetime) -> Host:
    """The part of the host that a reservation holds: what it booked is the total, what its tasks hold is taken."""
    held = [holding for holding in here.holdings[agent.pk] if holding.inside_id == outer.reservation_id]
    tasks = [holding for holding in here.holdings[agent.pk] if holding.reservation_id is None]
    total = dict(outer.held.resources)
    reading = readings.latest(agent)
    outside = foreign.memory_mib(reading.memory_used_mib, tasks)
    memory = reserved.free_memory_mib(outer, agent.memory_mib, outside, tasks)
    described = _described(agent, here)
    described["name"] = f"{agent.name} (reservation {outer.reservation_id})"
    return Host(
        **described,
        reservation_id=outer.reservation_id,
        total_centicores=outer.held.cpu_centicores,
        free_centicores=outer.held.cpu_centicores - sum(holding.held.cpu_centicores for holding in held),
        total_memory_mib=outer.held.memory_mib,
        free_memory_mib=memory,
        foreign_memory_mib=outside,
        total_disk_mib=outer.held.disk_mib,
        free_disk_mib=outer.held.disk_mib - sum(holding.held.disk_mib for holding in held),
        total_resources=total,
        free_resources=_free(total, held),
        cards=_with_start_hold(_reserved_cards(here.gpus[agent.pk], outer, tasks, reading), agent, here, now),
        holders=len(held),
        whole_held=any(holding.held.whole_host for holding in held),
        endings=[holding.ending(now) for holding in held],
    )


def _described(agent: Agent, here: _Here) -> dict[str, Any]:
    names = [gpu.name for gpu in here.gpus[agent.pk]]
    return {
        "agent_id": str(agent.pk),
        "name": agent.name,
        "labels": labels.labels(here.facts.said.get(agent.pk, []), agent.host_facts, names),
        "pools": here.facts.pools.get(agent.pk, frozenset()),
        "zone": agent.zone,
    }


def _left(total: int | None, taken: int) -> int | None:
    return None if total is None else total - taken


def _free(total: dict[str, int], held: Iterable[Holding]) -> dict[str, int]:
    free = dict(total)
    for holding in held:
        for name, amount in holding.held.resources:
            if name in free:
                free[name] -= amount
    return free


def _cards(gpus: Iterable[_Gpu], held: list[Holding], outside: dict[str, int]) -> list[Card]:
    return [_card(gpu, gpu.memory_mib, held, outside.get(gpu.uuid, 0)) for gpu in gpus]


def _with_start_hold(cards: list[Card], agent: Agent, here: _Here, now: datetime) -> list[Card]:
    if here.facts.rules.start_hold_seconds:
        settling = foreign.settling(here.holdings[agent.pk], now, here.facts.rules.start_hold_seconds)
        uuids = {gpu.pk: gpu.uuid for gpu in here.gpus[agent.pk]}
        for card in cards:
            card.has_start_hold, card.settles = True, uuids[card.gpu_id] in settling
    return cards


def _reserved_cards(gpus: Iterable[_Gpu], outer: Holding, tasks: list[Holding], reading: Resources) -> list[Card]:
    """Of a card that is reserved in part somebody else may have the rest: nobody inside gets it as a whole one."""
    parts = dict(outer.held.gpus)
    held = [holding for holding in tasks if holding.inside_id == outer.reservation_id]
    outside = reserved.outside_by_card(reading.gpus, tasks)
    found = []
    for gpu in gpus:
        if gpu.pk in parts:
            part = parts[gpu.pk]
            card = _card(gpu, gpu.memory_mib if part is None else part, held, 0)
            card.is_part = part is not None
            found.append(reserved.without_outsiders(card, part, gpu.memory_mib, outside.get(gpu.uuid, 0), tasks))
    return found


def _direct(holdings: list[Holding]) -> list[Holding]:
    """Who holds something of the host itself: what runs inside a reservation is the reservation's."""
    return [
        reserved.grown(holding, (inner for inner in holdings if inner.inside_id == holding.reservation_id))
        if holding.reservation_id
        else holding
        for holding in holdings
        if holding.inside_id is None
    ]


def _card(gpu: _Gpu, total: int | None, held: list[Holding], foreign_mib: int) -> Card:
    parts = [dict(holding.held.gpus)[gpu.pk] for holding in held if gpu.pk in dict(holding.held.gpus)]
    free = total
    if total is not None:
        taken = sum(part for part in parts if part is not None)
        free = 0 if None in parts else total - foreign_mib - taken
    return Card(gpu.pk, gpu.number, total, free, len(parts), gpu.name, foreign_mib)
