"""Rows of measurements as SVG: peers side by side, and what grows with the load. Measures nothing.

The same rows give the same files. Needs requirements-bench.txt.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.found import Found
from benchmarks.rows import OURS, Row

mpl.use("svg")
from matplotlib import pyplot as plt
from matplotlib.ticker import ScalarFormatter

OURS_COLOUR, THEIR_COLOUR, SECOND_COLOUR = "#2f8f5b", "#9aa5b1", "#d9903a"


def plots(found: Found, folder: Path) -> list[Path]:
    """Those for which there are rows."""
    mpl.rcParams["svg.hashsalt"] = "performance"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, (workloads, draw) in PLOTS.items():
        if any(found.all(workload) for workload in workloads):
            figure, axes = plt.subplots(1, len(workloads), figsize=(9, 3.6), squeeze=False)
            for workload, one in zip(workloads, axes[0], strict=True):
                draw(found, workload, one)
            figure.tight_layout()
            drawn.append(folder / f"performance-{name}.svg")
            figure.savefig(drawn[-1], metadata={"Date": None})
            plt.close(figure)
    return drawn


def _bars(key: str, title: str) -> Callable[[Found, str, Any], None]:
    """A bar for each peer, with the extremes of its runs."""

    def draw(found: Found, workload: str, axes: Any) -> None:
        rows = sorted((row for row in found.all(workload) if row[key]), key=lambda row: float(row[key]))
        names = [str(row["peer"]) for row in rows]
        colours = [OURS_COLOUR if name == OURS else THEIR_COLOUR for name in names]
        axes.barh(names, [row[key] for row in rows], xerr=_extremes(rows, key), color=colours)
        for number, row in enumerate(rows):
            axes.annotate(f" {row[key]:g}", (row[key], number), va="center", fontsize=7)
        axes.margins(x=0.15)
        axes.tick_params(labelsize=7)
        axes.set_title(title.format(workload=workload), fontsize=9)

    return draw


def _extremes(rows: Sequence[Row], key: str) -> list[list[float]]:
    below = [max(0.0, row[key] - row.get("lo", row[key])) for row in rows]
    above = [max(0.0, row.get("hi", row[key]) - row[key]) for row in rows]
    return [below, above]


def _hosts(found: Found, workload: str, axes: Any) -> None:
    rows = sorted(found.all(workload), key=lambda row: int(row["hosts"]))
    hosts = [row["hosts"] for row in rows]
    for key, label, colour in (("beat_p99_ms", "beats", OURS_COLOUR), ("report_p99_ms", "reports", SECOND_COLOUR)):
        axes.plot(hosts, [row[key] for row in rows], marker="o", color=colour, label=f"{label}, p99 ms")
    axes.axhline(200, color="black", linewidth=0.8, linestyle="--")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(ScalarFormatter())
    axes.set_xlim(0)
    axes.set_xlabel("hosts with 10 running tasks each")
    axes.legend(fontsize=8, frameon=False)


def _memory(found: Found, workload: str, axes: Any) -> None:
    row = found.all(workload)[-1]
    axes.plot(row["looked_at_secs"], row["memory_mb"], color=OURS_COLOUR)
    axes.set_ylim(0, 1.2 * max(row["memory_mb"]))
    axes.set_xlabel(f"seconds of a task that prints {row['stored_mb_per_second']:g} MB/s, {row['viewers']} viewers")
    axes.set_ylabel("memory of the server, MB")


PLOTS: dict[str, tuple[tuple[str, ...], Callable[[Found, str, Any], None]]] = {
    "throughput": (("W1", "W1 batch"), _bars("rate", "{workload}: tasks a second")),
    "latency": (("W2", "W3"), _bars("p50_ms", "{workload}: p50, ms")),
    "chain": (("W4", "W5"), _bars("secs", "{workload}: seconds")),
    "hosts": (("heartbeats",), _hosts),
    "log-path": (("log path",), _memory),
}
