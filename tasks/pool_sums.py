"""What pools hold together and what of it is free now, as plain values. Decides nothing and shows nothing.

Hosts that are deactivated are not counted; of a host that gets no work now (offline, paused, draining) nothing is free.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agents.models import Pool
from tasks.scheduling.rows import hosts
from tasks.scheduling.values import Card, Host


@dataclass(slots=True)
class CardSum:
    """Cards of one type. `free`: idle ones."""

    name: str
    total: int = 0
    free: int = 0


@dataclass(slots=True)
class Sums:
    """Cores in hundredths, memory in MiB; of cards that do not know their memory none is counted."""

    hosts: int = 0
    hosts_ready: int = 0
    centicores: int = 0
    free_centicores: int = 0
    memory_mib: int = 0
    free_memory_mib: int = 0
    gpu_memory_mib: int = 0
    free_gpu_memory_mib: int = 0
    cards: dict[str, CardSum] = field(default_factory=dict)

    @property
    def cores(self) -> float:
        return self.centicores / 100

    @property
    def free_cores(self) -> float:
        return self.free_centicores / 100

    @property
    def gpus(self) -> int:
        return sum(cards.total for cards in self.cards.values())

    @property
    def free_gpus(self) -> int:
        return sum(cards.free for cards in self.cards.values())

    @property
    def cards_text(self) -> str:
        """`3 of 4 NVIDIA A100, 1 of 1 Tesla T4`."""
        return ", ".join(f"{kind.free} of {kind.total} {kind.name or 'GPUs'}" for kind in self.kinds)

    @property
    def kinds(self) -> list[CardSum]:
        return sorted(self.cards.values(), key=lambda kind: kind.name)

    def add(self, host: Host, *, is_ready: bool) -> None:
        self.hosts += 1
        self.hosts_ready += is_ready
        can_have = is_ready and not host.whole_held
        self.centicores += host.total_centicores
        self.free_centicores += max(0, host.free_centicores) * can_have
        self.memory_mib += host.total_memory_mib or 0
        self.free_memory_mib += max(0, host.free_memory_mib or 0) * can_have
        for card in host.cards:
            self._add_card(card, can_have)

    def _add_card(self, card: Card, can_have: bool) -> None:
        kind = self.cards.setdefault(card.name, CardSum(card.name))
        kind.total += 1
        kind.free += card.is_idle and can_have
        self.gpu_memory_mib += card.total_mib or 0
        self.free_gpu_memory_mib += max(0, card.free_mib or 0) * can_have


@dataclass(frozen=True, slots=True)
class Fleet:
    """All hosts with the pools they are in, loaded once for however many pools."""

    hosts: list[Host]
    ready: frozenset[str]

    def sums(self, pool: str | None = None) -> Sums:
        """Of one pool, or of the whole site."""
        found = Sums()
        for host in self.hosts:
            if pool is None or pool in host.pools:
                found.add(host, is_ready=host.agent_id in self.ready)
        return found


def load() -> Fleet:
    """What reservations hold is not free, so the parts they hold are left out."""
    found = [host for host in hosts.load(hosts.known()) if host.reservation_id is None]
    ready = frozenset(str(pk) for pk in hosts.schedulable().values_list("pk", flat=True))
    return Fleet(found, ready)


def by_pool(pools: Iterable[Pool]) -> dict[str, Sums]:
    fleet = load()
    return {pool.name: fleet.sums(pool.name) for pool in pools}
