"""A row of a peer. What a row is, is in benchmarks.rows."""

from collections.abc import Sequence

from benchmarks.peers.peer import Peer
from benchmarks.rows import median, quantile, say

__all__ = ["median", "of_runs", "quantile", "spread", "tell"]


def tell(peer: Peer, workload: str, **figures: object) -> None:
    say({"peer": peer.name, "version": peer.version(), "w": workload, **figures})


def spread(seconds: list[float], digits: int = 2) -> dict[str, float]:
    """The median, the least and the most, of several runs of a workload that is told in seconds."""
    return {"secs": median(seconds, digits), "lo": round(min(seconds), digits), "hi": round(max(seconds), digits)}


def of_runs(done: Sequence[list[float]]) -> dict[str, float]:
    """Of runs of latencies in seconds: the medians of their middles and ends in ms, least and most middle."""
    middles = [quantile(run, 0.5) * 1e3 for run in done]
    return {
        "runs": len(done),
        "p50_ms": median(middles),
        "p95_ms": median([quantile(run, 0.95) * 1e3 for run in done]),
        "lo": round(min(middles), 1),
        "hi": round(max(middles), 1),
    }
