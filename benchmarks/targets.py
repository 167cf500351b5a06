"""What the figures of Nightshift are to be: each target with how it is computed from the rows, its limit and a further
one. Ratios are of rows of the same run. Measures nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.found import Found
from benchmarks.rows import OURS

Figure = Callable[[Found], float | None]
HYPERQUEUE, DASK, CELERY = "HyperQueue", "Dask distributed", "Celery+Redis (prefork)"
BUSY_HOSTS = "hosts with 10 running tasks each, p99 below 200 ms"
SHALLOW, DEEP = 100, 100_000  # waiting tasks of W7: the queue as good as empty, and the one that is asked about


@dataclass(frozen=True)
class Bound:
    """`factor` of another figure, or as it stands."""

    factor: float
    is_most: bool
    against: Figure | None = None
    whose: str = ""

    def value(self, found: Found) -> float | None:
        """None: that other figure was not measured."""
        if self.against is None:
            return self.factor
        other = self.against(found)
        return None if other is None else self.factor * other

    def said(self, found: Found) -> str:
        word, value = "at most" if self.is_most else "at least", self.value(found)
        if self.against is None:
            return f"{word} {self.factor:g}"
        return f"{word} {self.factor:g} x {self.whose}" + ("" if value is None else f" = {round(value, 2):g}")

    def is_met(self, figure: float | None, found: Found) -> bool | None:
        """None where it cannot be said."""
        value = self.value(found)
        if figure is None or value is None:
            return None
        return figure <= value if self.is_most else figure >= value

    def verdict(self, figure: float | None, found: Found) -> str:
        """yes or no, with what the factor is; empty where it cannot be said."""
        is_met, value = self.is_met(figure, found), self.value(found)
        if is_met is None or figure is None or value is None:
            return ""
        word = "yes" if is_met else "no"
        return word if self.against is None else f"{word} ({round(figure / value * self.factor, 2):g} x)"


@dataclass(frozen=True)
class Target:
    name: str
    figure: Figure
    limit: Bound
    stretch: Bound


def of(workload: str, key: str, peer: str = OURS, **where: Any) -> Figure:
    """This key of that row."""

    def figure(found: Found) -> float | None:
        row = found.one(workload, peer, **where)
        return None if row is None or row[key] is None else float(row[key])

    return figure


def most(factor: float, against: Figure | None = None, whose: str = "") -> Bound:
    return Bound(factor, is_most=True, against=against, whose=whose)


def least(factor: float, against: Figure | None = None, whose: str = "") -> Bound:
    return Bound(factor, is_most=False, against=against, whose=whose)


def _beside(
    name: str, workload: str, key: str, limit: tuple[Any, float, str], stretch: tuple[Any, float, str]
) -> Target:
    """Of peers' figures in the same run; a bound is its kind, the factor and the peer."""
    bounds = [kind(factor, of(workload, key, peer), f"{peer}'s") for kind, factor, peer in (limit, stretch)]
    return Target(name, of(workload, key), *bounds)


def _deep(name: str, key: str, limit: Bound | None, kind: Any, factor: float, stretch: float) -> Target:
    """Of the deep queue, beside our own figure of the shallow one."""
    shallow = of("W7", key, depth=SHALLOW)
    bounds = [kind(one, shallow, "the empty queue's") for one in (factor, stretch)]
    return Target(name, of("W7", key, depth=DEEP), limit or bounds[0], bounds[1])


TARGETS = [
    _beside("W1 batch, tasks/s", "W1 batch", "rate", (least, 0.75, HYPERQUEUE), (least, 1.0, HYPERQUEUE)),
    _beside("W1, a request each, tasks/s", "W1", "rate", (least, 0.75, DASK), (least, 1.0, CELERY)),
    _beside("W2 submission to start, p50 ms", "W2", "p50_ms", (most, 2.0, HYPERQUEUE), (most, 1.2, HYPERQUEUE)),
    _beside("W2 submission to start, p95 ms", "W2", "p95_ms", (most, 2.0, HYPERQUEUE), (most, 1.2, HYPERQUEUE)),
    Target("W3 end to known, p50 ms", of("W3", "p50_ms"), most(10), most(4)),
    _beside("W4 chain of 100, s", "W4", "secs", (most, 0.5, HYPERQUEUE), (most, 1.0, CELERY)),
    _beside("W5 root, 200 children, join, s", "W5", "secs", (most, 1.5, HYPERQUEUE), (most, 1.0, HYPERQUEUE)),
    Target(
        "idle: server and main agent, MB",
        of("idle", "idle_mb"),
        most(150),
        most(1, of("idle", "idle_mb", DASK), f"{DASK}'s"),
    ),
    Target("W6 a running task without its script, MB", of("W6", "per_task_mb"), most(2.5), most(1.6)),
    _deep("W7 100,000 wait: a submission, ms", "submit_ms", None, most, 2.0, 1.1),
    _deep("W7 100,000 wait: first start, ms", "first_ms", most(50), most, 1.1, 1.1),
    _deep("W7 100,000 wait: tasks/s", "drain_rate", None, least, 0.8, 0.9),
    Target(f"{BUSY_HOSTS}, beats each 2 s, reports each 1 s", of("hosts", "hosts"), least(400), least(800)),
    Target(f"{BUSY_HOSTS}, as often as the server asks", of("hosts as asked", "hosts"), least(400), least(800)),
    # Cores and memory count for nothing where the load was not carried.
    Target("log path, MB/s stored of 20", of("log path", "stored_mb_per_second"), least(19), least(19.8)),
    Target("log path, KiB/s to each of 200 viewers", of("log path", "kib_per_viewer"), least(60), least(63)),
    Target("log path, nudges/s to each viewer", of("log path", "nudges_per_viewer"), least(3.5), least(4)),
    Target("log path, server cores", of("log path", "server_cores"), most(0.6), most(0.3)),
    Target("log path, server memory grown by MB", of("log path", "grown_mb"), most(32), most(16)),
]
