"""All hosts of one pass, with what is needed to find the few that may take a shape without asking each.

The columns hold what is free on every host, so that one comparison sorts out nearly all that are full. Pure.
"""

from collections.abc import Iterable

import numpy as np

from tasks.scheduling import fit
from tasks.scheduling.able import Able
from tasks.scheduling.values import Card, Host, Placement, Request, Shape

_COLUMNS = ("cores", "memory", "idle_cards", "largest_part", "parts")


class Fleet:
    """`hosts` keep their places; `changes` lists the places of changed hosts, oldest first."""

    def __init__(
        self, hosts: Iterable[Host], site_total: dict[str, int] | None = None, site_free: dict[str, int] | None = None
    ) -> None:
        self.hosts = list(hosts)
        self.site_total = dict(site_total or {})
        self.site_free = dict(self.site_total if site_free is None else site_free)
        self.changes: list[int] = []
        self.turn = max((host.turn for host in self.hosts), default=0)
        self._columns = {name: np.zeros(len(self.hosts), dtype=np.int64) for name in _COLUMNS}
        for place, host in enumerate(self.hosts):
            self._note(place, host)
        self._totals = _totals(self.hosts)
        self._able = Able(self.hosts)

    def replace(self, place: int, host: Host) -> None:
        """The same host, read again: what is free there may have changed, and nothing else."""
        self.hosts[place] = host
        self.turn = max(self.turn, host.turn)
        self._note(place, host)

    def able(self, shape: Shape) -> list[int]:
        """Places of the hosts that may have room one day; the others surely never have."""
        places: list[int] = self._able.among(shape, np.arange(len(self.hosts))).tolist()
        return places

    def candidates(self, shape: Shape) -> list[int]:
        """Places of the hosts that may have room; the others surely have none."""
        columns = self._columns
        able = columns["cores"] >= shape.cpu_centicores
        if shape.memory_mib:
            able &= columns["memory"] >= shape.memory_mib
        if shape.gpu_count and shape.gpu_share:
            able &= (columns["largest_part"] >= shape.gpu_memory_mib) & (columns["parts"] >= shape.gpu_count)
        elif shape.gpu_count:
            able &= columns["idle_cards"] >= shape.gpu_count
        places: list[int] = self._able.among(shape, np.nonzero(able)[0]).tolist()
        return places

    def most_free(self) -> tuple[int, int, int]:
        """The most cores and memory that any host has free, and the most cards with anything free."""
        columns = self._columns
        cards = np.maximum(columns["idle_cards"], columns["parts"])
        return tuple(int(column.max(initial=0)) for column in (columns["cores"], columns["memory"], cards))  # type: ignore[return-value]

    def book(self, place: int, request: Request, gpu_ids: tuple[int, ...]) -> None:
        host = self.hosts[place]
        fit.book(request, host, gpu_ids)
        self.turn += 1
        host.turn = self.turn
        self._note(place, host)
        self.changes.append(place)

    def site_lack(self, shape: Shape) -> str:
        """The first resource of the site that is short, empty when none is."""
        return next((name for name, asked in shape.site_resources if asked > self.site_free.get(name, 0)), "")

    def book_site(self, shape: Shape) -> None:
        for name, amount in shape.site_resources:
            self.site_free[name] -= amount

    def share_of(self, placement: Placement) -> float:
        """The largest part that it takes of any of the site's cores, memory or cards (dominant share), host by host."""
        shape = placement.request.shape
        if shape.whole_host:
            return sum(
                self._share(host.total_centicores, host.total_memory_mib or 0, len(host.cards))
                for host in self._hosts_of(placement)
            )
        gpus = shape.gpu_count * (shape.gpu_memory_mib / self._totals[3] if shape.gpu_share else 1.0)
        return self._share(shape.cpu_centicores, shape.memory_mib, gpus) * shape.node_count

    def _share(self, *parts: float) -> float:
        return max(part / total for part, total in zip(parts, self._totals[:3], strict=True))

    def _hosts_of(self, placement: Placement) -> list[Host]:
        wanted = {member.agent_id for member in placement.members}
        inside = placement.request.shape.reservation_id
        return [host for host in self.hosts if host.agent_id in wanted and host.reservation_id == inside]

    def _note(self, place: int, host: Host) -> None:
        parts = [_free_part(card) for card in host.cards]
        row = (
            -1 if host.whole_held else host.free_centicores,
            -1 if host.free_memory_mib is None else host.free_memory_mib,
            sum(card.is_idle for card in host.cards),
            max(parts, default=-1),
            sum(part > 0 for part in parts),
        )
        for name, value in zip(_COLUMNS, row, strict=True):
            self._columns[name][place] = value


def _free_part(card: Card) -> int:
    return -1 if card.free_mib is None else card.free_mib


def _totals(hosts: list[Host]) -> tuple[float, float, float, float]:
    """Cores, memory, cards, and the mean memory of a card; at least 1 each. A reservation's part is the host's."""
    hosts = [host for host in hosts if host.reservation_id is None]
    cards = [card for host in hosts for card in host.cards]
    memory = sum(card.total_mib or 0 for card in cards)
    return (
        max(1, sum(host.total_centicores for host in hosts)),
        max(1, sum(host.total_memory_mib or 0 for host in hosts)),
        max(1, len(cards)),
        max(1.0, memory / max(1, len(cards))),
    )
