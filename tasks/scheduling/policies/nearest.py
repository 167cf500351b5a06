"""Nearest: the zone closest to the task's. Zones are paths such as eu/berlin/rack-3: the more they share from the left,
the nearer they are. Among equally near hosts the one that has least left is chosen.
"""

from collections.abc import Sequence

from tasks.scheduling.policies.base import Rule
from tasks.scheduling.policies.best_fit import BestFit
from tasks.scheduling.values import Host, Shape

FARTHEST_LEFT = 4.0  # more than best fit ever leaves
DEEPEST = 64  # more parts than a zone's 120 characters can have


class Nearest(Rule):
    def keys(self, shape: Shape, hosts: Sequence[Host]) -> list[float]:
        left = BestFit().keys(shape, hosts)
        return [distance(shape.zone, host.zone) + part / FARTHEST_LEFT for host, part in zip(hosts, left, strict=True)]


def distance(zone: str, other: str) -> int:
    """By the steps from the task's zone up to what both share, then by those down to the host's. A task of no zone is
    equally far from all."""
    mine, theirs = _path(zone), _path(other)
    if not mine:
        return 0
    shared = 0
    while shared < min(len(mine), len(theirs)) and mine[shared] == theirs[shared]:
        shared += 1
    return (len(mine) - shared) * DEEPEST + len(theirs) - shared


def _path(zone: str) -> list[str]:
    return [part for part in zone.lower().split("/") if part]
