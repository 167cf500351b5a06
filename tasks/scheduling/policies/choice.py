"""Which policy applies: the pool's that the task names, else the site's. Makes policies by name; chooses no host."""

from collections.abc import Callable, Mapping

from agents.states import PolicyName
from tasks.scheduling.policies.base import Policy
from tasks.scheduling.policies.best_fit import BestFit
from tasks.scheduling.policies.first_fit import FirstFit
from tasks.scheduling.policies.fragmentation import Fragmentation
from tasks.scheduling.policies.least_loaded import LeastLoaded
from tasks.scheduling.policies.nearest import Nearest
from tasks.scheduling.policies.random_choice import RandomChoice
from tasks.scheduling.policies.round_robin import RoundRobin
from tasks.scheduling.policies.weighted import Weighted
from tasks.scheduling.values import Shape

_MAKERS: dict[str, Callable[[int], Policy]] = {
    PolicyName.FRAGMENTATION: lambda seed: Fragmentation(),
    PolicyName.BEST_FIT: lambda seed: BestFit(),
    PolicyName.FIRST_FIT: lambda seed: FirstFit(),
    PolicyName.ROUND_ROBIN: lambda seed: RoundRobin(),
    PolicyName.LEAST_LOADED: lambda seed: LeastLoaded(),
    PolicyName.WEIGHTED: lambda seed: Weighted(),
    PolicyName.NEAREST: lambda seed: Nearest(),
    PolicyName.RANDOM: lambda seed: RandomChoice(seed),
}


def make(name: str, seed: int = 0) -> Policy:
    """A policy for one pass. `seed` is for those that draw lots."""
    return _MAKERS[name](seed)


class Choice:
    """`site`: the name of the site's policy; `by_pool`: those of pools that have their own;
    `made`: policies that live longer than a pass, because they learn."""

    def __init__(
        self, site: str, by_pool: Mapping[str, str], seed: int = 0, made: Mapping[str, Policy] | None = None
    ) -> None:
        self._site, self._by_pool, self._seed = site, dict(by_pool), seed
        self._made = dict(made or {})

    def __call__(self, shape: Shape) -> Policy:
        name = self._by_pool.get(shape.pool, "") or self._site
        if name not in self._made:
            self._made[name] = make(name, self._seed)
        return self._made[name]
