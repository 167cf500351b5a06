"""The policies that can be replayed: the product's by their names, and those of the paper that it is compared with."""

from collections.abc import Callable, Sequence

from agents.states import PolicyName
from benchmarks.placement.fgd import Fgd
from benchmarks.placement.published_best_fit import PublishedBestFit
from benchmarks.placement.published_random import PublishedRandom
from tasks.scheduling.policies import choice
from tasks.scheduling.policies.base import Policy
from tasks.scheduling.policies.fragmentation import Fragmentation
from tasks.scheduling.values import Host, Shape

CORE = 1000  # the traces count CPU in thousandths
_COMPARED: dict[str, Callable[[Sequence[Host], Sequence[Shape], int], Policy]] = {
    "fgd": lambda hosts, tasks, seed: Fgd(tasks, seed),
    "published_random": lambda hosts, tasks, seed: PublishedRandom(seed),
    "published_best_fit": lambda hosts, tasks, seed: PublishedBestFit(hosts),
}
NAMES = (*PolicyName.values, *_COMPARED)


def make(name: str, seed: int, hosts: Sequence[Host], tasks: Sequence[Shape]) -> Policy:
    """`tasks`: the list, for policies that have to know beforehand what will come; ours do not."""
    if name in _COMPARED:
        return _COMPARED[name](hosts, tasks, seed)
    return Fragmentation(core=CORE) if name == PolicyName.FRAGMENTATION else choice.make(name, seed)
