"""How many calls of agents this process can serve in a second, as it finds while it serves them. Decides nothing."""

from collections.abc import Callable

_measured: Callable[[], float] | None = None


def measured_by(source: Callable[[], float] | None) -> None:
    """Whoever serves the calls knows; None: nobody serves any here."""
    global _measured
    _measured = source


def at_most(per_second: float, share: float) -> float:
    """`per_second`, or this share of what can be served when that is less."""
    return per_second if _measured is None else min(per_second, share * _measured())
