"""The five lists of the openb data set under every compared policy: a Markdown table beside the published figures and
a plot. `python -m benchmarks.placement.table --data DIR --out DIR`

The data is not part of the repository: openb_node_list_gpu_node.csv and openb_pod_list_*.csv of the data set
cluster-trace-gpu-v2023 ("Beware of Fragmentation", USENIX ATC 2023).
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.placement.__main__ import seeds
from benchmarks.placement.plot import plot
from benchmarks.placement.runs import Run, perform_all
from benchmarks.placement.trace import BadTrace

LISTS = ("default", "cpu050", "gpushare40", "gpuspec10", "multigpu20")
POLICIES = ("published_random", "published_best_fit", "fgd", "fragmentation")
LABELS = {
    "published_random": "random",
    "published_best_fit": "best fit",
    "fgd": "FGD",
    "fragmentation": "fragmentation-aware (ours)",
}
PUBLISHED = {
    "published_random": (87.47, 91.24, 86.00, 87.43, 88.69),
    "dot product": (90.85, 93.27, 89.56, 90.39, 92.06),
    "clustering": (91.88, 93.79, 90.02, 92.18, 93.56),
    "packing": (92.00, 93.72, 90.03, 92.46, 93.71),
    "published_best_fit": (93.08, 93.79, 91.69, 93.31, 93.93),
    "fgd": (95.39, 95.21, 94.15, 94.95, 95.65),
}
Means = dict[tuple[str, str], tuple[float, float, float]]  # (list, policy) -> percent, its deviation, placements/s


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.placement.table", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the openb files")
    parser.add_argument("--out", type=Path, required=True, help="folder for results, table and plot")
    parser.add_argument("--seeds", type=seeds, default=seeds("42-51"))
    parser.add_argument("--inflate", type=float, default=1.3)
    parser.add_argument("--workers", type=int)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        means = measure(arguments.data, arguments.out, arguments.seeds, arguments.inflate, arguments.workers)
    except (BadTrace, OSError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a benchmark prints
        return 1
    text = table(means)
    (arguments.out / "table.md").write_text(text)
    plot(means, PUBLISHED, LISTS, LABELS, arguments.out / "placement.svg")
    print(text)  # noqa: T201
    return 0


def measure(data: Path, out: Path, chosen: Sequence[int], inflate: float, workers: int | None) -> Means:
    nodes = data / "openb_node_list_gpu_node.csv"
    pairs = [(name, policy) for name in LISTS for policy in POLICIES]
    runs = [
        Run(nodes, data / f"openb_pod_list_{name}.csv", policy, seed, inflate)
        for name, policy in pairs
        for seed in chosen
    ]
    results = iter(perform_all(runs, out / "results.json", workers))
    means: Means = {}
    for pair in pairs:
        part = [next(results) for _ in chosen]
        percents = [float(result["allocated_percent"]) for result in part]
        speed = sum(result["placed"] for result in part) / sum(result["seconds"] for result in part)
        deviation = statistics.stdev(percents) if len(percents) > 1 else 0.0
        means[pair] = (statistics.mean(percents), deviation, speed)
    return means


def table(means: Means) -> str:
    """Percent of GPU capacity: ours, in brackets what the paper has; of what was not run again the paper's alone."""
    columns = (*PUBLISHED, *(policy for policy in POLICIES if policy not in PUBLISHED))
    lines = [_line("list", [LABELS.get(column, column) for column in columns]), "|---" * (len(columns) + 1) + "|"]
    for number, name in enumerate(LISTS):
        lines.append(_line(name, [_cell(means.get((name, column)), column, number) for column in columns]))
    speeds = [_speed([means[name, column][2] for name in LISTS]) if column in POLICIES else "" for column in columns]
    return "\n".join([*lines, _line("placements/s", speeds)]) + "\n"


def _line(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


def _cell(mean: tuple[float, float, float] | None, column: str, number: int) -> str:
    published = f"({PUBLISHED[column][number]:.2f})" if column in PUBLISHED else ""
    measured = f"{mean[0]:.2f} ± {mean[1]:.2f}" if mean else ""
    return f"{measured} {published}".strip()


def _speed(by_list: Sequence[float]) -> str:
    return f"{statistics.mean(by_list):,.0f}"


if __name__ == "__main__":
    sys.exit(main())
