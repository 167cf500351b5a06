"""How much GPU of a host is expected to stay idle for good, if requests of the usual mix kept coming to it alone.

Three parts, each a table over the free CPU of the host in steps of half a core: the rest of a single card (`card`),
what is left for want of CPU when all cards are taken as one mass (`cores`), and the worth of keeping whole cards
together for requests of several (`whole`). Thousandths of a card throughout. Pure; which host that speaks for is
fragmentation's.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.scheduling.policies.demand import CARD_MILLI, CardKind, Mix, milli_of

Table = npt.NDArray[np.float64]

STEPS_PER_CORE = 2
MOST_CORES = 131  # more free cores than that are as good as that many
NOTHING_MORE = 1 / 200  # the chance that no further request comes; so small that the fuller of two hosts is preferred
CARD_STEPS = 120  # of a card, so that halves, thirds, quarters, fifths, sixths and eighths come out even
MASS_STEPS = 10
CPU_ONLY_WEIGHT = 0.3  # of what needs no card, as much is expected on a host with cards
TOGETHER = 2000.0  # what a request of several cards is worth that a host cannot take any more
NEVER = 1e9


@dataclass(frozen=True, slots=True)
class Piece:
    """One kind of request on one kind of card: CPU in steps, thousandths of one card, 0 if it needs none."""

    steps: int
    milli: int


@dataclass(frozen=True, slots=True)
class Group:
    """Requests of several cards: how likely, how many cards, steps of CPU they need; None: never on such cards."""

    part: float
    cards: int
    steps: float | None


@dataclass(frozen=True, slots=True)
class Tables:
    """Rows: steps of free CPU. Columns of `card`: free part in CARD_STEPS of a card; of `cores`: free mass in
    MASS_STEPS of a card; of `whole`: number of idle cards."""

    card: Table
    cores: Table
    whole: Table


def build(mix: Mix, kind: CardKind, most_cards: int, core: int) -> Tables:
    """`core`: how many units of the planner's CPU count one core has."""
    step = core / STEPS_PER_CORE
    pieces, groups = _split(mix, kind, step)
    rows = MOST_CORES * STEPS_PER_CORE + 2
    columns = most_cards * MASS_STEPS + 2
    return Tables(
        card=_rest(pieces, rows, CARD_STEPS + 1, CARD_STEPS, is_mass=False),
        cores=_rest(pieces, rows, columns, MASS_STEPS, is_mass=True),
        whole=_together(groups, rows, most_cards + 1),
    )


def _split(mix: Mix, kind: CardKind, step: float) -> tuple[dict[Piece, float], list[Group]]:
    """A request of several cards counts as one card with its part of the CPU, and as a group."""
    pieces: dict[Piece, float] = defaultdict(float)
    groups = []
    for asked, part in mix:
        milli = milli_of(asked, kind) if asked.cards else 0
        if asked.cards > 1:
            groups.append(Group(part, asked.cards, None if milli is None else asked.cores / step))
        if milli is None:
            continue
        steps = max(1, int(asked.cores / max(1, asked.cards) / step + 0.5))
        pieces[Piece(steps, milli)] += part if asked.cards else part * CPU_ONLY_WEIGHT
    return pieces, groups


def _together(groups: Iterable[Group], rows: int, columns: int) -> Table:
    """Grows by what can no longer be taken as cards or CPU go: that is what keeps whole cards together."""
    table = np.zeros((rows, columns))
    idle, steps = np.arange(columns)[None, :], np.arange(rows)[:, None]
    for group in groups:
        lost = np.ones((rows, columns), bool)
        if group.steps is not None:
            lost = (idle < group.cards) | (steps < group.steps)
        table += lost * (TOGETHER * group.part * group.cards)
    return table


def _rest(pieces: dict[Piece, float], rows: int, columns: int, per_card: int, *, is_mass: bool) -> Table:
    """Expected rest of 0..columns-1 steps: with chance NOTHING_MORE all of it stays, else a request that fits takes its
    part and the rest of the rest is expected. A request larger than the mass fills it, for its part of the CPU."""
    ordered = sorted(pieces, key=lambda piece: (piece.steps, piece.milli)) or [Piece(rows, CARD_MILLI)]
    steps = np.array([piece.steps for piece in ordered])
    weights = np.array([pieces.get(piece, 0.0) for piece in ordered])
    needs_card = np.array([piece.milli > 0 for piece in ordered])
    sizes = np.array([_size(piece.milli, per_card) for piece in ordered])
    needed = _needed(steps, sizes, needs_card, columns, is_mass=is_mass)
    chances, usable = _chances(needed, weights, weights * needs_card, rows)
    return _recur(steps, sizes, weights, chances, usable) * CARD_MILLI / per_card


def card_steps(milli: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Columns of `Tables.card` for free parts of cards, to the nearest, as parts that are asked for are rounded."""
    return (2 * milli * CARD_STEPS + CARD_MILLI) // (2 * CARD_MILLI)


def _size(milli: int, per_card: int) -> int:
    """In steps, to the nearest; what needs a card needs at least one."""
    return max(1, (2 * milli * per_card + CARD_MILLI) // (2 * CARD_MILLI)) if milli else 0


def _needed(
    steps: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    needs_card: npt.NDArray[np.bool_],
    columns: int,
    *,
    is_mass: bool,
) -> Table:
    """Steps of CPU that each piece needs to take from each amount of GPU; NEVER where it does not fit."""
    free = np.arange(columns)[None, :]
    if not is_mass:
        return np.where(free >= sizes[:, None], steps[:, None].astype(float), NEVER)
    part = np.minimum(1.0, free / np.maximum(sizes, 1)[:, None])
    return np.where(needs_card[:, None], steps[:, None] * part, steps[:, None].astype(float))


def _chances(needed: Table, weights: Table, gpu_weights: Table, rows: int) -> tuple[Table, npt.NDArray[np.bool_]]:
    """For each row and column: the sum of the chances of all that fits, with NOTHING_MORE; and whether any of it uses a
    card at all."""
    at = np.minimum(np.ceil(needed - 1e-9), rows).astype(int)
    column = np.broadcast_to(np.arange(needed.shape[1]), at.shape)
    some, of_cards = np.zeros((rows + 1, needed.shape[1])), np.zeros((rows + 1, needed.shape[1]))
    np.add.at(some, (at, column), np.broadcast_to(weights[:, None], at.shape))
    np.add.at(of_cards, (at, column), np.broadcast_to(gpu_weights[:, None], at.shape))
    return some.cumsum(0)[:rows] + NOTHING_MORE, of_cards.cumsum(0)[:rows] > 0


def _recur(
    steps: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    weights: Table,
    chances: Table,
    usable: npt.NDArray[np.bool_],
) -> Table:
    """Row by row: each needs only rows with less CPU. Columns are padded on the left: a rest below 0 reads 0."""
    rows, columns = chances.shape
    width = 2 * columns
    padded = np.zeros((rows, width))
    flat, free = padded.ravel(), np.arange(columns)
    behind = columns + free[None, :] - sizes[:, None] - steps[:, None] * width
    able = np.searchsorted(steps, np.arange(rows), "right")
    for row in range(rows):
        count = able[row]
        kept = NOTHING_MORE * free
        if count:
            kept = kept + weights[:count] @ flat[behind[:count] + row * width]
        padded[row, columns:] = np.where(usable[row], kept / chances[row], free)
    return padded[:, columns:].copy()
