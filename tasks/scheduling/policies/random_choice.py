"""Random: any host with room, each as likely as the other. The seed is given, so that a pass can be repeated."""

import random
from collections.abc import Sequence

from tasks.scheduling.policies.base import Rule
from tasks.scheduling.values import Host, Shape


class RandomChoice(Rule):
    is_volatile = True

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 (no secret)

    def keys(self, shape: Shape, hosts: Sequence[Host]) -> list[float]:
        return [self._random.random() for _ in hosts]
