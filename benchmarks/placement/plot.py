"""The table as bars: one group for each list, one bar for each policy, a mark where the paper's figure is."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

WIDTH = 0.8
COLOURS = ("#9aa5b1", "#5f8fc4", "#d9903a", "#2f8f5b")


def plot(
    means: Mapping[tuple[str, str], tuple[float, float, float]],
    published: Mapping[str, Sequence[float]],
    lists: Sequence[str],
    labels: Mapping[str, str],
    path: Path,
) -> None:
    mpl.rcParams["svg.hashsalt"] = "placement"  # the same figures give the same file
    figure, axes = plt.subplots(figsize=(9, 4))
    bar = WIDTH / len(labels)
    for place, (policy, label) in enumerate(labels.items()):
        middles = [number + (place - (len(labels) - 1) / 2) * bar for number in range(len(lists))]
        heights = [means[name, policy][0] for name in lists]
        errors = [means[name, policy][1] for name in lists]
        axes.bar(middles, heights, bar * 0.92, yerr=errors, color=COLOURS[place % len(COLOURS)], label=label)
        if policy in published:
            axes.scatter(middles, published[policy], marker="_", s=90, color="black", zorder=3)
    axes.set_xticks(range(len(lists)), lists)
    axes.set_ylim(84, 98)
    axes.set_ylabel("GPU capacity allocated, %")
    axes.set_title("Demand 130 % of capacity, mean of the seeds; black marks: published", fontsize=10)
    axes.legend(ncols=len(labels), loc="upper center", frameon=False, fontsize=9)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
