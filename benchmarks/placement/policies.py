"""The policies that can be replayed: the product's by their names, and those of the paper that it is compared with."""

from collections.abc import Callable, Sequence

from agents.states import PolicyName
from benchmarks.placement.fgd import Fgd
from benchmarks.placement.published_best_fit import PublishedBestFit
from tasks.scheduling.policies import choice
from tasks.scheduling.policies.base import Policy
from tasks.scheduling.values import Shape

_COMPARED: dict[str, Callable[[Sequence[Shape], int], Policy]] = {
    "fgd": Fgd,
    "published_best_fit": lambda tasks, seed: PublishedBestFit(),
}
NAMES = (*PolicyName.values, *_COMPARED)


def make(name: str, seed: int, tasks: Sequence[Shape]) -> Policy:
    """`tasks`: the list, for policies that have to know beforehand what will come; ours do not."""
    return _COMPARED[name](tasks, seed) if name in _COMPARED else choice.make(name, seed)
