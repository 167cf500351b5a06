"""FGD as the paper describes it (Weng et al., USENIX ATC 2023, sections 4 and 5), to compare with.

Knows the whole list beforehand: how often each kind of task comes. A task goes where the node's expected fragment grows
least: the GPU capacity that a task drawn from the list could not use there. The growth is rounded to 100 steps of a
logistic, and ties are broken at random, as in the published scheduler.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.placement.trace import CARD_MILLI
from tasks.scheduling import cards as gpu_cards
from tasks.scheduling.policies.base import Rule
from tasks.scheduling.values import Card, Host, Shape

Table = npt.NDArray[np.float64]
MOST_CARDS = 8
STEPS = 100
Kind = tuple[int, int, int, tuple[str, ...]]


class Fgd(Rule):
    def __init__(self, tasks: Sequence[Shape], seed: int = 0) -> None:
        self._kinds = _Kinds(Counter(_kind(task) for task in tasks))
        self._chance = np.random.default_rng(seed)

    def keys(self, shape: Shape, hosts: Sequence[Host]) -> list[float]:
        if not hosts:
            return []
        options = [(host, cards) for host in hosts for cards in _options(shape, host)]
        after = self._growth(shape, options)
        best, row = [], 0
        for host in hosts:
            count = len(_options(shape, host))
            best.append(max(after[row : row + count]))
            row += count
        return [float(-score + 0.5 * tie) for score, tie in zip(best, self._chance.random(len(best)), strict=True)]

    def cards(self, shape: Shape, host: Host) -> tuple[int, ...]:
        options = _options(shape, host)
        scores = self._growth(shape, [(host, cards) for cards in options])
        return tuple(card.gpu_id for card in options[int(np.argmax(scores))])

    def _growth(self, shape: Shape, options: list[tuple[Host, tuple[Card, ...]]]) -> Table:
        """Score of each option, 0 to 100: higher when the fragment grows less."""
        before = self._kinds.fragments([_state(host) for host, _ in options])
        after = self._kinds.fragments([_state(host, shape, cards) for host, cards in options])
        scores: Table = np.floor(STEPS / (1 + np.exp(-(before - after) / CARD_MILLI)))
        return scores


class _Kinds:
    """The kinds of tasks and how likely each is, as columns."""

    def __init__(self, counts: Counter[Kind]) -> None:
        kinds = list(counts)
        self._cores = np.array([kind[0] for kind in kinds])
        self._count = np.array([kind[1] for kind in kinds])
        self._sizes, self._size_of = np.unique([kind[2] for kind in kinds], return_inverse=True)
        self._types = [kind[3] for kind in kinds]
        self._likely = np.array([counts[kind] for kind in kinds]) / counts.total()
        self._allowed: dict[str, npt.NDArray[np.bool_]] = {}

    def fragments(self, states: list[tuple[str, int, list[int]]]) -> Table:
        """The expected fragment of each state, in thousandths of a card."""
        cores = np.array([state[1] for state in states])[:, None]
        free = np.array([state[2] for state in states])
        allowed = np.array([self._allows(state[0]) for state in states])
        fits = free[:, None, :] >= self._sizes[None, :, None]
        enough = fits.sum(axis=2)[:, self._size_of] >= self._count
        too_small = np.where(fits, 0, free[:, None, :]).sum(axis=2)[:, self._size_of]
        can_run = enough & allowed & (cores >= self._cores) & (self._count > 0)
        fragment: Table = np.where(can_run, too_small, free.sum(axis=1)[:, None]) @ self._likely
        return fragment

    def _allows(self, model: str) -> npt.NDArray[np.bool_]:
        if model not in self._allowed:
            self._allowed[model] = np.array(
                [not types or any(gpu_cards.is_of_type(model, word) for word in types) for types in self._types]
            )
        return self._allowed[model]


def _kind(task: Shape) -> Kind:
    size = task.gpu_memory_mib if task.gpu_share else CARD_MILLI
    return (task.cpu_centicores, task.gpu_count, size if task.gpu_count else 0, task.gpu_types)


def _options(shape: Shape, host: Host) -> list[tuple[Card, ...]]:
    """The ways to take cards that differ: for a part, one card of each free size; for whole ones there is one way."""
    if shape.gpu_count == 0:
        return [()]
    fitting = [card for card in host.cards if gpu_cards.fits(shape, card)]
    if not shape.gpu_share:
        return [tuple(fitting[: shape.gpu_count])]
    return [(card,) for card in {card.free_mib: card for card in fitting}.values()]


def _state(host: Host, shape: Shape | None = None, cards: tuple[Card, ...] = ()) -> tuple[str, int, list[int]]:
    """Model, free cores and the free parts of the cards, once `shape` has taken `cards`."""
    taken = {card.gpu_id for card in cards}
    part = 0 if shape is None else shape.gpu_memory_mib if shape.gpu_share else CARD_MILLI
    free = [(card.free_mib or 0) - (part if card.gpu_id in taken else 0) for card in host.cards]
    cores = host.free_centicores - (0 if shape is None else shape.cpu_centicores)
    return (host.cards[0].name if host.cards else "", cores, free + [0] * (MOST_CARDS - len(free)))
