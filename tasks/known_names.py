"""Are the pools, hosts, types of card, resources and reservations that a task names known here. Reads a few names;
changes nothing. Whether they fit together is tasks.scheduling.capacity's question.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from agents.models import Agent, CountedResource, Gpu, Pool
from agents.states import Standing
from tasks.models import Reservation, Task
from tasks.scheduling import cards
from tasks.scheduling.hosts import known
from tasks.states import ReservationState

ANYWAY = "Set wait_for_host to queue it for a future host."
_SHOWN = 12
_OPEN = (ReservationState.PENDING, ReservationState.ACTIVE)


def unknown(task: Task, user: Any) -> dict[str, list[str]]:
    """For each field that names something unknown its sentence. With `wait_for_host`, or before any host is known, a
    host, card or resource may still come; a pool or reservation must be there in any case."""
    found = {"pool": _pool(task), "reservation": _reservation(task, user)}
    named = task.hosts or task.exclude_hosts or task.gpu_types or task.resources
    if named and not task.wait_for_host and known().exists():
        found |= {
            "hosts": _hosts(task.hosts, is_excluded=False),
            "exclude_hosts": _hosts(task.exclude_hosts, is_excluded=True),
            "gpu_types": _types(task.gpu_types),
            "resources": _resources(task.resources),
        }
    return {name: [sentence] for name, sentence in found.items() if sentence}


def _pool(task: Task) -> str:
    if not task.pool or Pool.objects.filter(name=task.pool).exists():
        return ""
    names = list(Pool.objects.values_list("name", flat=True)[: _SHOWN + 1])
    return f"There is no pool {task.pool}; {_offer(task.pool, names)}."


def _reservation(task: Task, user: Any) -> str:
    if task.reservation_id is None:
        return ""
    row = Reservation.objects.filter(pk=task.reservation_id).first()
    if row is None:
        return f"There is no reservation {task.reservation_id}."
    if row.state not in _OPEN:
        return f"Reservation {row.pk} is {ReservationState(row.state).label.lower()}."
    is_staff = user is not None and user.is_staff
    if row.submitted_by_id != task.submitted_by_id and not is_staff:
        return f"Reservation {row.pk} is somebody else's."
    return ""


def _hosts(asked: Sequence[str], *, is_excluded: bool) -> str:
    """A deactivated host may be excluded: it may come back."""
    if not asked:
        return ""
    standing = dict(Agent.objects.filter(name__in=asked).values_list("name", "standing"))
    gone = [name for name in asked if standing.get(name) == Standing.DEACTIVATED]
    if gone and not is_excluded:
        return f"{', '.join(gone[:_SHOWN])} is deactivated. {ANYWAY}"
    missing = [name for name in asked if name not in standing]
    if not missing:
        return ""
    names = list(known().values_list("name", flat=True))
    return f"There is no host {', '.join(missing[:_SHOWN])}; {_offer(missing[0], names)}. {ANYWAY}"


def _types(asked: Sequence[str]) -> str:
    if not asked:
        return ""
    there = sorted(set(_card_names()))
    missing = [word for word in asked if not any(cards.is_of_type(name, word) for name in there)]
    if not missing:
        return ""
    return f"No known GPU is of type {' or '.join(missing)}; {_offer(missing[0], there)}. {ANYWAY}"


def _card_names() -> Iterable[str]:
    rows = Gpu.objects.filter(is_present=True).exclude(agent__standing=Standing.DEACTIVATED)
    return rows.order_by().values_list("name", flat=True).distinct()


def _resources(asked: dict[str, int]) -> str:
    if not asked:
        return ""
    there = set(CountedResource.objects.order_by().values_list("name", flat=True).distinct())
    missing = [name for name in asked if name not in there]
    if not missing:
        return ""
    return f"Nothing here is called {' or '.join(missing)}; {_offer(missing[0], sorted(there))}. {ANYWAY}"


def _offer(asked: str, names: list[str]) -> str:
    """The closest name, or what there is."""
    close = get_close_matches(asked, names, n=1)
    if close:
        return f"the closest is {close[0]}"
    if not names:
        return "there is none"
    shown = ", ".join(names[:_SHOWN])
    return f"there are {shown} and others" if len(names) > _SHOWN else f"known: {shown}"
