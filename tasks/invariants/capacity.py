"""I3: what is held on a host or a card was there to be held, and nothing is held twice.

Capacity may have become less since something was placed; then nothing new may be placed until it fits.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db.models import Count, Exists, F, Max, OuterRef, Q, Sum

from agents.models import Agent, AgentEvent, CountedResource, PlacementEvent
from tasks.invariants.violation import Violation, broken, some
from tasks.models import AllocatedGpu, Allocation

CAPACITY_VERBS = ("capacity_changed", "registered", "session_opened", "resources_changed")

_HELD = Allocation.objects.filter(released_at__isnull=True)
_ON_HOST = _HELD.filter(inside__isnull=True)


def hosts_hold_what_they_have() -> Iterator[Violation]:
    """Tasks inside a reservation hold a part of what the reservation holds."""
    sums = _ON_HOST.order_by().values("agent_id", "agent__name", "agent__cpu_cores", "agent__memory_mib")
    sums = sums.annotate(cores=Sum("cpu_cores"), memory=Sum("memory_mib"), newest=Max("created_at"))
    over = Q(cores__gt=F("agent__cpu_cores")) | Q(memory__gt=F("agent__memory_mib"))
    for row in some(sums.filter(over)):
        if not _shrank_since(row["agent_id"], row["newest"]):
            held = f"{row['cores']} cores and {row['memory']} MiB"
            has = f"{row['agent__cpu_cores']} and {row['agent__memory_mib']}"
            yield broken(3, f"{held} are held on {row['agent__name']}, which has {has}.", row["agent_id"])


def reservations_hold_what_they_have() -> Iterator[Violation]:
    inner = _HELD.filter(inside__isnull=False).order_by()
    columns = ("inside_id", "inside__allocation__cpu_cores", "inside__allocation__memory_mib")
    sums = inner.values(*columns).annotate(cores=Sum("cpu_cores"), memory=Sum("memory_mib"))
    outer = "inside__allocation__"
    for row in some(sums.filter(Q(cores__gt=F(f"{outer}cpu_cores")) | Q(memory__gt=F(f"{outer}memory_mib")))):
        number = row["inside_id"]
        yield broken(3, f"Tasks inside reservation {number} hold more than it holds itself.", number)
    ended = inner.filter(inside__allocation__released_at__isnull=False).values_list("inside_id", flat=True)
    for number in some(ended.distinct()):
        yield broken(3, f"Tasks hold a part of reservation {number}, which has ended.", number)


def whole_hosts_are_alone() -> Iterator[Violation]:
    counts = _ON_HOST.order_by().values("agent_id", "agent__name").annotate(n=Count("pk"))
    whole = Exists(_ON_HOST.filter(agent=OuterRef("agent_id"), whole_host=True))
    for row in some(counts.filter(Q(n__gt=1) & Q(whole))):
        yield broken(3, f"{row['agent__name']} is held whole, and yet by {row['n']} holders.", row["agent_id"])


def cards_are_held_once() -> Iterator[Violation]:
    """A whole card by one holder; of a shared card no more than its memory. Cards inside a reservation are the
    reservation's."""
    held = AllocatedGpu.objects.filter(released_at__isnull=True, is_inside=False).order_by()
    sums = held.values("gpu_id", "gpu__index", "gpu__memory_mib", "gpu__agent__name").annotate(
        holders=Count("pk"), whole=Count("pk", filter=Q(is_shared=False)), memory=Sum("memory_mib")
    )
    several = Q(whole__gt=0, holders__gt=1)
    for row in some(sums.filter(several | Q(whole=0, memory__gt=F("gpu__memory_mib")))):
        card = f"GPU {row['gpu__index']} of {row['gpu__agent__name']}"
        yield broken(3, f"{card} is held by {row['holders']} holders for {row['memory']} MiB.", row["gpu_id"])


def cards_are_of_the_host() -> Iterator[Violation]:
    strange = AllocatedGpu.objects.exclude(gpu__agent_id=F("allocation__agent_id"))
    for row in some(strange.values("allocation_id", "gpu_id")):
        sentence = f"Allocation {row['allocation_id']} holds a card of another host."
        yield broken(3, sentence, row["allocation_id"], row["gpu_id"])


def counted_resources_suffice() -> Iterator[Violation]:
    """JSON, so summed here: only what is held now has any."""
    of_hosts: Counter[tuple[Any, str]] = Counter()
    site: Counter[str] = Counter()
    totals = {(row.agent_id, row.name): row.total for row in CountedResource.objects.all()}
    for agent_id, resources in _ON_HOST.exclude(resources={}).values_list("agent_id", "resources"):
        for name, number in resources.items():
            if (None, name) in totals and (agent_id, name) not in totals:
                site[name] += number
            else:
                of_hosts[agent_id, name] += number
    yield from _over_host_totals(of_hosts, totals)
    yield from _over_site_totals(site, totals)


def _over_host_totals(held: Counter[tuple[Any, str]], totals: dict[Any, int]) -> Iterator[Violation]:
    for (agent_id, name), number in held.items():
        newest = _ON_HOST.filter(agent=agent_id).aggregate(at=Max("created_at"))["at"]
        if number > totals.get((agent_id, name), 0) and not _shrank_since(agent_id, newest):
            host = Agent.objects.values_list("name", flat=True).get(pk=agent_id)
            yield broken(3, f"{number} {name} are held on {host}, which has fewer.", agent_id)


def _over_site_totals(held: Counter[str], totals: dict[Any, int]) -> Iterator[Violation]:
    for name, number in held.items():
        newest = _ON_HOST.aggregate(at=Max("created_at"))["at"]
        changed = PlacementEvent.objects.filter(verb__in=("resource_set", "resource_dropped"), at__gte=newest)
        if number > totals[None, name] and not changed.exists():
            yield broken(3, f"{number} {name} of the site are held, more than there are.", name)


def released_when_over() -> Iterator[Violation]:
    """Of an attempt that is over nothing is held, unless its processes may still be there; a live one holds its
    part."""
    over = _HELD.filter(sub_agent__ended_at__isnull=False, kept="")
    for row in some(over.values("pk", "sub_agent_id", "sub_agent__task_id")):
        sentence = f"An attempt of task {row['sub_agent__task_id']} is over and still holds its allocation."
        yield broken(3, sentence, row["sub_agent_id"])
    free = Allocation.objects.filter(released_at__isnull=False, sub_agent__ended_at__isnull=True)
    for row in some(free.filter(sub_agent__isnull=False).values("sub_agent_id", "sub_agent__task_id")):
        sentence = f"A live attempt of task {row['sub_agent__task_id']} holds nothing."
        yield broken(3, sentence, row["sub_agent_id"])
    differ = Q(released_at=None, allocation__released_at__isnull=False)
    differ |= Q(released_at__isnull=False, allocation__released_at=None)
    for number in some(AllocatedGpu.objects.filter(differ).values_list("allocation_id", flat=True)):
        yield broken(3, f"Allocation {number} holds its cards and its cores for different times.", number)


def _shrank_since(agent_id: Any, moment: Any) -> bool:
    """Whether the host's capacity changed after the newest of what is held was placed."""
    return AgentEvent.objects.filter(agent=agent_id, verb__in=CAPACITY_VERBS, at__gte=moment).exists()
