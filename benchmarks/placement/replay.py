"""One run: a sequence of tasks through the product's planner, as one pass over a queue that is the sequence."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.placement.trace import CARD_MILLI, gpu_milli
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.planner import Planner
from tasks.scheduling.policies.base import Policy
from tasks.scheduling.values import Host, Request, Shape


@dataclass(frozen=True, slots=True)
class Result:
    """`allocated_percent` of all GPU capacity at the end; `seconds` of the whole run."""

    policy: str
    seed: int
    allocated_percent: float
    placed: int
    refused: int
    seconds: float

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def capacity_milli(hosts: Sequence[Host]) -> int:
    return sum(len(host.cards) for host in hosts) * CARD_MILLI


def replay(hosts: list[Host], arrivals: Sequence[Shape], policy: Policy, name: str, seed: int) -> Result:
    """`hosts` are used up on the way."""
    began = time.perf_counter()
    planner = Planner(_Arrivals(arrivals, policy), Fleet(hosts), lambda shape: policy)
    allocated = sum(gpu_milli(placement.request.shape) for placement in planner.placements())
    seconds = time.perf_counter() - began
    placed = len(planner.plan.placements)
    percent = 100 * allocated / capacity_milli(hosts)
    return Result(name, seed, round(percent, 4), placed, len(arrivals) - placed, round(seconds, 3))


class _Arrivals:
    """The queue of a run. A policy that learns is told of each task as it arrives, whether it finds room or not."""

    def __init__(self, arrivals: Sequence[Shape], policy: Policy) -> None:
        self._left = iter(enumerate(arrivals))
        self._learn = getattr(policy, "learn", None)

    def next(self) -> Request | None:
        number, shape = next(self._left, (0, None))
        if shape is None:
            return None
        if self._learn is not None:
            self._learn(shape)
        return Request(number, shape)

    def refused(self, request: Request) -> None:
        """It is skipped and does not come again."""

    def placed(self, request: Request, share: float) -> None:
        """It stays."""
