"""The tasks of one run in the order in which they arrive: the list shuffled, then drawn from it at random until they
ask for `inflate` times the GPU capacity. Same seed, same sequence."""

import random
from collections.abc import Iterator, Sequence

from benchmarks.placement.trace import gpu_milli
from tasks.scheduling.values import Shape


def draw(tasks: Sequence[Shape], capacity_milli: int, inflate: float, seed: int) -> list[Shape]:
    """At least one task has to ask for a GPU; ValueError otherwise."""
    if not any(gpu_milli(task) for task in tasks):
        raise ValueError("no task of the list asks for a GPU")
    wanted, asked, drawn = capacity_milli * inflate, 0, []
    for task in _endless(tasks, random.Random(seed)):  # noqa: S311 (no secret)
        if asked >= wanted:
            break
        drawn.append(task)
        asked += gpu_milli(task)
    return drawn


def _endless(tasks: Sequence[Shape], chance: random.Random) -> Iterator[Shape]:
    first = list(tasks)
    chance.shuffle(first)
    yield from first
    while True:
        yield chance.choice(tasks)
