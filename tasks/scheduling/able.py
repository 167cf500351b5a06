"""Which hosts could ever take a shape, whoever is on them: each wish is asked of each host once in a pass. Pure.

Knows nothing of what is free; fit has the last word. What it sorts out has surely no room, now or later.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tasks.scheduling import cards, eligibility
from tasks.scheduling.values import Host, Shape

Places = npt.NDArray[np.int64]
_NOT_ASKED, _NO, _YES = -1, 0, 1


class Able:
    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = hosts
        self._cores = np.array([host.total_centicores for host in hosts], np.int64)
        self._memory = np.array([host.total_memory_mib or 0 for host in hosts], np.int64)
        self._answers: dict[Shape, npt.NDArray[np.int8]] = {}

    def among(self, shape: Shape, places: Places) -> Places:
        enough = (self._cores[places] >= shape.cpu_centicores) & (self._memory[places] >= shape.memory_mib)
        return self._willing(_wish(shape), places[enough])

    def _willing(self, wish: Shape, places: Places) -> Places:
        answers = self._answers.get(wish)
        if answers is None:
            answers = self._answers[wish] = np.full(len(self._hosts), _NOT_ASKED, np.int8)
        for place in places[answers[places] == _NOT_ASKED].tolist():
            answers[place] = _YES if _could(wish, self._hosts[place]) else _NO
        willing: Places = places[answers[places] == _YES]
        return willing


def _wish(shape: Shape) -> Shape:
    """What is left of it besides sizes: many shapes have the same."""
    return replace(
        shape,
        cpu_centicores=0,
        memory_mib=0,
        disk_mib=0,
        site_resources=(),
        node_count=1,
        whole_host=False,
        prefers=(),
        zone="",
        avoid_hosts=(),
    )


def _could(wish: Shape, host: Host) -> bool:
    if eligibility.refusal(wish, host) is not None:
        return False
    if any(asked > host.total_resources.get(name, 0) for name, asked in wish.resources):
        return False
    return not wish.gpu_count or sum(cards.could(wish, card) for card in host.cards) >= wish.gpu_count
