"""Step 7: draws how the training went and how the network compares with counting, and hands the figures over as the
result of the task. Computes nothing new."""

from __future__ import annotations

import math
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lm.files import hand_over, read_json, run_path, write_json, write_whole

NETWORK, TRAINING, COUNTING = "#1f6feb", "#9aa4b2", "#c9d1d9"
SHOWN_BESIDE_THE_CURVE = ("unigram", "trigram", "5-gram")

Models = dict[str, dict[str, float]]


def draw_training(axes: Axes, history: dict[str, Any], models: Models) -> None:
    for part, colour, label in (("train", TRAINING, "training text"), ("valid", NETWORK, "validation text")):
        steps, losses = zip(*history[part], strict=True)
        axes.plot(steps, [math.exp(loss) for loss in losses], color=colour, label=label, linewidth=2)
    for name in SHOWN_BESIDE_THE_CURVE:
        axes.axhline(models[name]["perplexity"], color="#57606a", linewidth=0.8, linestyle="--")
        place = {"x": 1.01, "y": models[name]["perplexity"], "transform": axes.get_yaxis_transform()}
        axes.text(s=name, **place, va="center", color="#57606a", fontsize=9)
    axes.set(yscale="log", xlabel="step", ylabel="perplexity per token (log scale)", title="Training")
    axes.yaxis.set_major_formatter("{x:.0f}")
    axes.yaxis.set_minor_formatter("{x:.0f}")
    axes.tick_params(axis="y", which="minor", labelsize=7)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.55, 0.95))
    axes.spines[["top", "right"]].set_visible(False)


def draw_comparison(axes: Axes, models: Models) -> None:
    names = sorted(models, key=lambda name: models[name]["bits_per_byte"], reverse=True)
    values = [models[name]["bits_per_byte"] for name in names]
    bars = axes.barh(names, values, color=[NETWORK if name.startswith("network") else COUNTING for name in names])
    axes.bar_label(bars, fmt="%.2f", padding=4)
    axes.set(xlabel="bits per byte of the validation text (less is better)", title="Network and counting")
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)


def figures() -> dict[str, Any]:
    """Everything worth keeping about the run, in a few hundred bytes."""
    evaluation, history = read_json(run_path("evaluation.json")), read_json(run_path("history.json"))
    models: Models = evaluation["models"]
    return {
        "perplexity": {name: of["perplexity"] for name, of in models.items()},
        "bits_per_byte": {name: of["bits_per_byte"] for name, of in models.items()},
        "scored_tokens": evaluation["scored_tokens"],
        "steps": history["train"][-1][0],
        "training_seconds": round(history["seconds"], 1),
        "sample": evaluation["samples"][0],
        "picture": str(run_path("picture.png")),
    }


def main() -> None:
    mpl.use("Agg")  # a task has no screen
    models = read_json(run_path("evaluation.json"))["models"]
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_training(left, read_json(run_path("history.json")), models)
    draw_comparison(right, models)
    write_whole(run_path("picture.png"), lambda stream: figure.savefig(stream, format="png", dpi=120))
    result = figures()
    write_json(run_path("report.json"), result)
    hand_over(result)
    print(f"picture: {result['picture']}")


if __name__ == "__main__":
    main()
