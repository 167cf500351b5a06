"""A row of a peer. What a row is, is in benchmarks.rows."""

from benchmarks.peers.peer import Peer
from benchmarks.rows import median, quantile, say

__all__ = ["median", "quantile", "spread", "tell"]


def tell(peer: Peer, workload: str, **figures: object) -> None:
    say({"peer": peer.name, "version": peer.version(), "w": workload, **figures})


def spread(seconds: list[float], digits: int = 2) -> dict[str, float]:
    """The median, the least and the most, of several runs of a workload that is told in seconds."""
    return {"secs": median(seconds, digits), "lo": round(min(seconds), digits), "hi": round(max(seconds), digits)}
