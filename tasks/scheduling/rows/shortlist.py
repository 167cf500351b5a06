"""Which lanes a pass looks at when there are very many: tens of thousands of tasks that are all different. Pure.

Those that fit no host by their cores, memory or cards, whatever is combined, are left out: a pass only takes room
away. But the first of the queue always stay, because hosts may be kept free for them; as time goes on everybody gets
there. Of those that might fit, the first stay, and of the others a window that moves on with every pass.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.scheduling.fleet import Fleet

FEW = 2000  # so many lanes are looked at without ado
FIRST = 500  # of the whole queue
MOST_ABLE = 1500  # of those that might fit: the first half in order, the other half in turn

Column = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Heads:
    """The first task of each lane, column by column. `seniority`: 0 for the one that waits longest."""

    ids: Column
    priorities: Column
    seniority: Column
    centicores: Column
    memory_mib: Column
    gpu_count: Column


def ids(heads: Heads, fleet: Fleet, turn: int) -> list[int]:
    """`turn` counts the passes. The order here knows neither ageing nor fair share: half of the first places go by
    priority, the other half by age alone."""
    by_priority = np.lexsort((heads.seniority, heads.priorities))
    by_age = np.argsort(heads.seniority)
    first = {*by_priority[: FIRST // 2].tolist(), *by_age[: FIRST // 2].tolist()}
    able = by_priority[_able(heads, fleet)[by_priority]]
    return sorted(heads.ids[list(first | set(_in_turn(able, turn)))].tolist())


def _able(heads: Heads, fleet: Fleet) -> npt.NDArray[np.bool_]:
    """Whether some host has the cores, some the memory and some the cards; nobody says that it is the same one."""
    cores, memory, cards = fleet.most_free()
    able = np.asarray(heads.centicores <= cores, dtype=np.bool_)
    able &= (heads.memory_mib <= memory) | (heads.memory_mib == 0)
    able &= heads.gpu_count <= cards
    return able


def _in_turn(able: npt.NDArray[Any], turn: int) -> list[int]:
    if len(able) <= MOST_ABLE:
        return [int(number) for number in able]
    half = MOST_ABLE // 2
    rest = able[half:]
    window = (np.arange(half) + turn * half) % len(rest)
    return [int(number) for number in (*able[:half], *rest[window])]
