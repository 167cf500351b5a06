"""One row for each measurement: a JSON line on stdout. Sums nothing up."""

import json
import statistics
from collections.abc import Sequence

from benchmarks.peers.peer import Peer


def tell(peer: Peer, workload: str, **figures: object) -> None:
    """`figures` end with their unit: _ms, _mb, secs; `rate`, `lo` and `hi` are tasks a second, except of W2: ms."""
    row = {"peer": peer.name, "version": peer.version(), "w": workload, **figures}
    print(json.dumps(row), flush=True)  # noqa: T201 - a benchmark prints


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float], digits: int = 1) -> float:
    return round(statistics.median(values), digits)
