"""Fragmentation-aware: a task goes where it raises least the GPU capacity that is expected to stay idle for good.

Each host has an expected leftover (leftover.py), by what has been asked for of late (demand.py). The key is how much a
placement raises it, with a little preference for fuller hosts. The idea of measuring a host by what the usual mix of
tasks could not use there is that of FGD (Weng et al., USENIX ATC 2023); FGD looks one task ahead, this looks at the
whole filling of the host. Hosts without cards are chosen by best fit. docs/scheduling.md has the rule and its figures.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.scheduling import cards as gpu_cards
from tasks.scheduling.policies import leftover
from tasks.scheduling.policies.best_fit import BestFit
from tasks.scheduling.policies.demand import CARD_MILLI, CardKind, Demand, Mix, free_milli, part_milli
from tasks.scheduling.policies.leftover import MASS_STEPS, STEPS_PER_CORE, Tables
from tasks.scheduling.values import Host, Shape

FULLNESS = 0.01  # per thousandth of a card that is free: of two hosts where it costs the same, the fuller one
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Fragmentation:
    """`core`: how many units of the planner's CPU count one core has. Keeps what it learned from pass to pass."""

    is_volatile = False

    def __init__(self, core: int = 100) -> None:
        self.version = 0
        self._core = core
        self._demand = Demand()
        self._mix = Mix({})
        self._tables: dict[tuple[CardKind, int], Tables] = {}

    def learn(self, shape: Shape) -> None:
        """A request arrived. Now and then this makes all keys void."""
        self._demand.learn(shape)
        if self._demand.is_due:
            self._mix = self._demand.look()
            self._tables.clear()
            self.version += 1

    def keys(self, shape: Shape, hosts: Sequence[Host]) -> list[float]:
        found = [0.0] * len(hosts)
        by_kind: dict[tuple[CardKind, int], list[int]] = {}
        for place, host in enumerate(hosts):
            by_kind.setdefault(_kind(host), []).append(place)
        for kind, places in by_kind.items():
            chosen = [hosts[place] for place in places]
            keys = self._growth(shape, kind, chosen)[0] if kind[1] else BestFit().keys(shape, chosen)
            for place, key in zip(places, keys, strict=True):
                found[place] = float(key)
        return found

    def cards(self, shape: Shape, host: Host) -> tuple[int, ...]:
        if shape.gpu_count != 1 or not shape.gpu_share or shape.whole_host:
            return gpu_cards.choose(shape, host)
        _, chosen = self._growth(shape, _kind(host), [host])
        return (host.cards[int(chosen[0])].gpu_id,)

    def _growth(self, shape: Shape, kind: tuple[CardKind, int], hosts: Sequence[Host]) -> tuple[Floats, Ints]:
        """How much each host's leftover grows, and for a part of one card which card is best."""
        fleet = _Fleet(self._tables_for(kind), hosts, self._core)
        before = fleet.leftover(fleet.cores, fleet.free) - FULLNESS * fleet.free.sum(axis=1)
        cores = fleet.cores - shape.cpu_centicores
        if shape.gpu_count == 1 and shape.gpu_share:
            after, chosen = _best_card(shape, hosts, fleet, cores)
            return after - before, chosen
        return fleet.leftover(cores, _taken(shape, hosts, fleet.free)) - before, np.zeros(len(hosts), np.int64)

    def _tables_for(self, kind: tuple[CardKind, int]) -> Tables:
        """Explaining threads may ask while the pass learns: whichever mix they see, tables of one mix are returned."""
        tables = self._tables.get(kind)
        if tables is None:
            tables = self._tables[kind] = leftover.build(self._mix, *kind, self._core)
        return tables


class _Fleet:
    """Hosts with cards of one kind as columns: free CPU, and the free thousandths of each card."""

    def __init__(self, tables: Tables, hosts: Sequence[Host], core: int) -> None:
        self._tables, self._step = tables, core / STEPS_PER_CORE
        width = max(len(host.cards) for host in hosts)
        self.cores: Ints = np.array([host.free_centicores for host in hosts], np.int64)
        self.free: Ints = np.array(
            [[free_milli(card) for card in host.cards] + [0] * (width - len(host.cards)) for host in hosts], np.int64
        )

    def leftover(self, cores: Ints, free: Ints) -> Floats:
        """Expected leftover of each host with so much free; one row a host."""
        rows = np.clip(cores // self._step, 0, len(self._tables.card) - 1).astype(np.int64)
        single: Floats = self._tables.card[rows[:, None], leftover.card_steps(free)].sum(axis=1)
        whole: Floats = self._tables.whole[rows, (free == CARD_MILLI).sum(axis=1)]
        return single + self._for_want_of_cpu(rows, free.sum(axis=1) - single) + whole

    def _for_want_of_cpu(self, rows: Ints, mass: Floats) -> Floats:
        steps = mass * MASS_STEPS / CARD_MILLI
        at = np.minimum(steps.astype(np.int64), self._tables.cores.shape[1] - 2)
        low, high = self._tables.cores[rows, at], self._tables.cores[rows, at + 1]
        part: Floats = low + (steps - at) * (high - low)
        return part


def _kind(host: Host) -> tuple[CardKind, int]:
    """The kind of the first card stands for the host's, and its number of cards, up to the next of 8, 16, 32, ..."""
    if not host.cards:
        return CardKind("", None), 0
    most = 8
    while most < len(host.cards):
        most *= 2
    return CardKind(host.cards[0].name, host.cards[0].total_mib), most


def _best_card(shape: Shape, hosts: Sequence[Host], fleet: _Fleet, cores: Ints) -> tuple[Floats, Ints]:
    """The least leftover after each host gave a part of one of its cards, and which."""
    pairs = [
        (row, column, part_milli(shape.gpu_memory_mib, card.total_mib or CARD_MILLI))
        for row, host in enumerate(hosts)
        for column, card in enumerate(host.cards)
        if gpu_cards.fits(shape, card)
    ]
    rows, columns, parts = (np.array(values, np.int64) for values in zip(*pairs, strict=True))
    free = fleet.free[rows]
    each = np.arange(len(rows))
    free[each, columns] = np.maximum(0, free[each, columns] - parts)
    table = np.full(fleet.free.shape, np.inf)
    table[rows, columns] = fleet.leftover(cores[rows], free)
    chosen = table.argmin(axis=1)
    return table[np.arange(len(hosts)), chosen], chosen


def _taken(shape: Shape, hosts: Sequence[Host], free: Ints) -> Ints:
    """What is free once each host gave the cards, or the parts of several, that it would."""
    after = free.copy()
    if shape.gpu_count == 0 and not shape.whole_host:
        return after
    for row, host in enumerate(hosts):
        given = set(gpu_cards.choose(shape, host))
        for column, card in enumerate(host.cards):
            if card.gpu_id in given:
                is_part = shape.gpu_share and not shape.whole_host
                part = part_milli(shape.gpu_memory_mib, card.total_mib or CARD_MILLI) if is_part else CARD_MILLI
                after[row, column] = max(0, after[row, column] - part)
    return after
