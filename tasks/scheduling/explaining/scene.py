"""Everything that is to be known about the hosts to say why tasks wait, read once for all of them. Changes nothing."""

from collections.abc import Collection
from dataclasses import dataclass, field

from agents.models import Agent
from agents.states import RETIRED, Connectivity, Standing
from tasks.models import Reservation, Task
from tasks.scheduling import release
from tasks.scheduling.explaining.outlook import Outlook, brief
from tasks.scheduling.holds import Hold
from tasks.scheduling.rows import hosts
from tasks.scheduling.values import Host, Shape
from tasks.states import ReservationState, TaskStatus

MOST_PAIRS = 20_000  # of shape and host: the rest of a long list of different tasks is told less


@dataclass(slots=True)
class Scene:
    """`away`: by host, why it takes no work now. `unknown`: holders that gave no run time. `pending` and `closed`: of
    the reservations that the tasks name, with their states. `retired`: names of hosts that are deactivated."""

    hosts: list[Host]
    away: dict[str, str]
    unknown: frozenset[str]
    site_total: dict[str, int]
    site_free: dict[str, int]
    pending: frozenset[int] = frozenset()
    closed: dict[int, str] = field(default_factory=dict)
    retired: frozenset[str] = frozenset()
    kept: dict[str, Hold] | None = None
    _found: dict[Shape, list[Outlook]] = field(default_factory=dict)
    _emptied: dict[int, Host] = field(default_factory=dict)
    _pairs: int = 0

    def outlooks(self, shape: Shape) -> list[Outlook] | None:
        """In brief, and the same for all tasks of one shape. None once too much was looked at for one list."""
        if shape not in self._found:
            if self._pairs and self._pairs + len(self.hosts) > MOST_PAIRS:
                return None
            self._pairs += len(self.hosts)
            self._found[shape] = brief(shape, self.hosts, self.away, self.unknown, self._empty)
        return self._found[shape]

    def _empty(self, host: Host) -> Host:
        """Each host is emptied once, not once a shape."""
        if id(host) not in self._emptied:
            self._emptied[id(host)] = release.emptied(host)
        return self._emptied[id(host)]

    @property
    def site_names(self) -> frozenset[str]:
        return frozenset(self.site_total)

    @property
    def able(self) -> list[Host]:
        """Those that may get work now."""
        return [host for host in self.hosts if host.agent_id not in self.away]


def load(reservation_ids: Collection[int] = ()) -> Scene:
    """Every host that is not deactivated."""
    fleet = hosts.load_fleet(hosts.known())
    pending, closed = _reservations(reservation_ids)
    retired = frozenset(Agent.objects.filter(standing__in=RETIRED).values_list("name", flat=True))
    unknown = _unknown(fleet.hosts)
    return Scene(fleet.hosts, _away(), unknown, fleet.site_total, fleet.site_free, pending, closed, retired)


def _away() -> dict[str, str]:
    columns = ("pk", "connectivity", "standing", "accepts_work")
    return {str(pk): word for pk, *facts in hosts.known().values_list(*columns) if (word := _absence(*facts))}


def _absence(connectivity: str, standing: str, accepts_work: bool) -> str:
    if standing != Standing.ACTIVE:
        return "paused"
    if connectivity == Connectivity.SUSPECT:
        return "not answering"
    if connectivity != Connectivity.ONLINE:
        return "offline"
    return "" if accepts_work else "not accepting work"


def _unknown(found: list[Host]) -> frozenset[str]:
    """Those who hold something and said neither how long they run nor a limit: their end is only supposed."""
    names = {ending.holder for host in found for ending in host.endings if ending.holder.startswith("#")}
    silent = Task.objects.filter(status__in=(TaskStatus.WAITING, TaskStatus.RUNNING), current_fence__isnull=False)
    silent = silent.filter(estimated_seconds__isnull=True, time_limit_seconds__isnull=True)
    return frozenset(f"#{pk}" for pk in silent.values_list("pk", flat=True)) & names if names else frozenset()


def _reservations(ids: Collection[int]) -> tuple[frozenset[int], dict[int, str]]:
    """Pending ones, and the states of those that are over."""
    states = dict(Reservation.objects.filter(pk__in=ids).values_list("pk", "state")) if ids else {}
    pending = frozenset(pk for pk, state in states.items() if state == ReservationState.PENDING)
    open_states = (ReservationState.PENDING, ReservationState.ACTIVE)
    closed = {pk: state.replace("_", " ") for pk, state in states.items() if state not in open_states}
    return pending, closed
