"""What a policy is: a rule that gives each host where a request fits a key; the lowest key is chosen.

Written so that the planner can keep keys: they depend on the shape and the host alone, and only hosts that changed are
asked about again. Ties go to the host that comes first by name.
"""

from collections.abc import Sequence
from typing import Protocol

from tasks.scheduling import cards
from tasks.scheduling.values import Host, Shape


class Policy(Protocol):
    """`version` rises when all keys given before are void. `is_volatile`: keys hold for one choice only."""

    version: int
    is_volatile: bool

    def keys(self, shape: Shape, hosts: Sequence[Host]) -> Sequence[float]:
        """One for each host, the lowest is best. Every host has room for the shape."""
        ...

    def cards(self, shape: Shape, host: Host) -> tuple[int, ...]:
        """The cards on the chosen host."""
        ...


class Rule:
    """A policy whose keys never become void, and which takes the cards that leave the least over."""

    version = 0
    is_volatile = False

    def cards(self, shape: Shape, host: Host) -> tuple[int, ...]:
        return cards.choose(shape, host)
