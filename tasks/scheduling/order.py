"""The order of the queue. Pure: times are seconds from the moment of the pass.

Priority first, raised by one step for every `ageing_hours` of waiting, so that no task starves. Within a step: tasks
whose deadline presses, the one that has to start first; then the user who has used least; then whoever waits longest.
"""

from dataclasses import dataclass

AGEING_HOURS = 24.0
PRESSING_SECONDS = 24 * 3600.0

Key = tuple[int, bool, float, float, float, int]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says for itself. `start_in_seconds`: latest start that keeps its deadline; below 0 it is late."""

    id: int
    priority: int
    waited_seconds: float
    start_in_seconds: float | None = None


def key(claim: Claim, used: float, ageing_hours: float = AGEING_HOURS) -> Key:
    """The lowest starts first. `used`: the share of its user, as tasks.fair_share counts it."""
    presses = is_pressing(claim)
    return (
        step(claim, ageing_hours),
        not presses,
        (claim.start_in_seconds or 0.0) if presses else 0.0,
        used,
        -claim.waited_seconds,
        claim.id,
    )


def step(claim: Claim, ageing_hours: float = AGEING_HOURS) -> int:
    """Priority less one for each full `ageing_hours` of waiting; it may go below 1."""
    return claim.priority - int(max(0.0, claim.waited_seconds) / (ageing_hours * 3600.0))


def is_pressing(claim: Claim) -> bool:
    """Whether its latest start is less than a day ahead. One with more time gains nothing by its deadline yet."""
    return claim.start_in_seconds is not None and claim.start_in_seconds < PRESSING_SECONDS
