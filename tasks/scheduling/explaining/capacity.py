"""Ask the known hosts whether a shape could ever run, looking at as few of them as it takes. Changes nothing.

That a shape could run may be remembered for a moment, that it could not is not: hosts come. The verdict itself is
feasible.py's.
"""

from dataclasses import replace
from itertools import islice
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from agents.models import Agent, CountedResource
from tasks.models import Reservation
from tasks.scheduling.explaining import feasible, recent
from tasks.scheduling.rows import hosts
from tasks.scheduling.rows.request import reservation_request
from tasks.scheduling.values import Card, Host, Shape
from tasks.states import ReservationState

FIRST_LOOK = 16
MOST_AT_ONCE = 500


def blame(shape: Shape) -> dict[str, list[str]]:
    """Sentences by field when no known host could ever run it, each saying what comes nearest. Empty when one could, or
    when no host is known at all: then nothing is known yet."""
    if shape.reservation_id is None and _is_known_to_fit(shape):
        return {}
    if not hosts.known().exists():
        return {}
    site_total = dict(CountedResource.objects.filter(agent__isnull=True).values_list("name", "total"))
    if shape.reservation_id is not None:
        inner, parts = _inside(shape, shape.reservation_id)
        return feasible.blame(inner, parts, site_total)
    seen, is_enough = _first_that_could(shape)
    if not is_enough:
        seen += _outer(hosts.known().exclude(pk__in=[host.agent_id for host in seen]))
    return feasible.blame(shape, seen, site_total)


def _is_known_to_fit(shape: Shape) -> bool:
    """By what is remembered of the hosts. Only a yes: a no is looked at again, so that it is never an old one."""
    remembered = recent.remembered()
    if remembered is None or shape.site_resources:
        return False
    outer = (host for host in remembered.hosts if host.reservation_id is None)
    able = (host for host in outer if not feasible.misses(shape, host))
    return sum(1 for _ in islice(able, shape.node_count)) == shape.node_count


def _first_that_could(shape: Shape) -> tuple[list[Host], bool]:
    """Nearly every request fits one of the first few hosts that are large enough; then the others are not loaded."""
    ids, size, able = list(_large_enough(shape)), FIRST_LOOK, 0
    seen: list[Host] = []
    while ids and able < shape.node_count:
        chunk, ids = ids[:size], ids[size:]
        found = _outer(Agent.objects.filter(pk__in=chunk))
        able += sum(not feasible.misses(shape, host) for host in found)
        seen += found
        size = min(size * 4, MOST_AT_ONCE)
    return seen, able >= shape.node_count


def _large_enough(shape: Shape) -> QuerySet[Agent, UUID]:
    """Hosts that the database can tell to be large enough, or whose size is unknown."""
    rows = hosts.known().filter(cpu_cores__gte=shape.cpu_centicores / 100)
    rows = rows.filter(Q(memory_mib__isnull=True) | Q(memory_mib__gte=shape.memory_mib))
    if shape.hosts:
        rows = rows.filter(name__in=shape.hosts)
    if shape.pool:
        rows = rows.filter(pools__name=shape.pool)
    if shape.gpu_count:
        cards = Count("gpus", filter=Q(gpus__is_present=True), distinct=True)
        rows = rows.annotate(cards=cards).filter(cards__gte=shape.gpu_count)
    return rows.order_by("name").values_list("pk", flat=True)


def _outer(agents: QuerySet[Agent]) -> list[Host]:
    return [host for host in hosts.load(agents) if host.reservation_id is None]


def _inside(shape: Shape, reservation_id: int) -> tuple[Shape, list[Host]]:
    """What is asked of the reservation, and the part of a host that it holds. A pending one has no host yet: it is
    taken for what it asks for, and what only a host can tell is left out."""
    row = Reservation.objects.filter(pk=reservation_id).select_related("agent").first()
    if row is None:
        return shape, []
    if row.state == ReservationState.ACTIVE and row.agent_id is not None:
        found = hosts.load(Agent.objects.filter(pk=row.agent_id))
        return shape, [host for host in found if host.reservation_id == row.pk]
    unknown = replace(shape, hosts=(), exclude_hosts=(), pool="", requires="", gpu_types=(), gpu_indices=())
    return unknown, [] if row.whole_host else [_as_host(row)]


def _as_host(row: Reservation) -> Host:
    asked = reservation_request(row, frozenset()).shape
    size = asked.gpu_memory_mib if asked.gpu_share else None
    return Host(
        agent_id="",
        name=str(row),
        reservation_id=row.pk,
        total_centicores=asked.cpu_centicores,
        free_centicores=asked.cpu_centicores,
        total_memory_mib=asked.memory_mib,
        free_memory_mib=asked.memory_mib,
        cards=[_as_card(index, size) for index in range(asked.gpu_count)],
        total_disk_mib=asked.disk_mib,
        free_disk_mib=asked.disk_mib,
        total_resources=dict(asked.resources),
    )


def _as_card(index: int, part_mib: int | None) -> Card:
    return Card(index, index, part_mib or 2**31, part_mib or 2**31, is_part=part_mib is not None)
