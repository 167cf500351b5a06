"""What is asked for: how often each kind of request came of late.

Learned as requests arrive, whether they found room or not. Knows nothing beforehand, and forgets slowly: counts are
halved from time to time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from tasks.scheduling import cards as gpu_cards
from tasks.scheduling.values import Card, Shape

REMEMBERED = 20_000  # requests, after which all counts are halved
FIRST_LOOK = 20
LONGEST_WITHOUT_LOOK = 5_000
CARD_MILLI = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """A kind of request. `part_mib`: of each card; None for whole ones. `least_mib`: what a card must have in all."""

    cores: int
    cards: int
    part_mib: int | None
    least_mib: int
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardKind:
    """Cards on which the same requests fit alike. `total_mib` None: its memory is unknown."""

    name: str
    total_mib: int | None


class Demand:
    """`is_due` says when so much is new that whoever counts on the mix should look again."""

    def __init__(self) -> None:
        self._counts: dict[Asked, float] = {}
        self._total = 0.0
        self._new = 0

    def learn(self, shape: Shape) -> None:
        kind = _asked(shape)
        self._counts[kind] = self._counts.get(kind, 0.0) + 1.0
        self._total += 1.0
        self._new += 1
        if self._total >= REMEMBERED:
            self._forget()

    @property
    def is_due(self) -> bool:
        """After the first request, then whenever the number has doubled, and at the latest after 5,000."""
        before = self._total - self._new
        return self._new > 0 and (before == 0 or self._new >= min(max(FIRST_LOOK, before), LONGEST_WITHOUT_LOOK))

    def look(self) -> "Mix":
        """The mix as it is now."""
        self._new = 0
        return Mix({kind: count / self._total for kind, count in self._counts.items()} if self._total else {})

    def _forget(self) -> None:
        self._counts = {kind: count / 2 for kind, count in self._counts.items() if count > 1}
        self._total = sum(self._counts.values())


@dataclass(frozen=True, slots=True)
class Mix:
    """The part of all requests that each kind is."""

    parts: dict[Asked, float]

    def __iter__(self) -> Iterator[tuple[Asked, float]]:
        return iter(self.parts.items())


def milli_of(asked: Asked, kind: CardKind) -> int | None:
    """Thousandths of such a card that the request takes of each, None if it cannot use one."""
    if not _allows(asked.types, kind.name):
        return None
    if asked.part_mib is None:
        return CARD_MILLI if (kind.total_mib or 0) >= asked.least_mib else None
    if kind.total_mib is None or asked.part_mib > kind.total_mib:
        return None
    return part_milli(asked.part_mib, kind.total_mib)


def part_milli(part_mib: int, total_mib: int) -> int:
    """Rounded up, so that what is counted as free is free."""
    return -(-part_mib * CARD_MILLI // max(1, total_mib))


def free_milli(card: Card) -> int:
    """An idle card counts as whole, whatever little a desktop uses of it."""
    if card.is_idle:
        return CARD_MILLI
    if card.free_mib is None or not card.total_mib:
        return 0
    return max(0, card.free_mib * CARD_MILLI // card.total_mib)


@lru_cache(maxsize=4096)
def _allows(types: tuple[str, ...], name: str) -> bool:
    return not types or any(gpu_cards.is_of_type(name, word) for word in types)


def _asked(shape: Shape) -> Asked:
    part = shape.gpu_memory_mib if shape.gpu_share else None
    least = 0 if shape.gpu_share else shape.gpu_memory_mib
    return Asked(shape.cpu_centicores, shape.gpu_count, part, least, shape.gpu_types if shape.gpu_count else ())
