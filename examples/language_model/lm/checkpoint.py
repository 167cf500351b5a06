"""Keeps a training on disk so that a killed one goes on where it was. One file, replaced in one step."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from lm.adam import Adam
from lm.files import write_whole
from lm.gru import Array, Weights
from lm.settings import Size


@dataclass
class History:
    """What the training looked like: (step, loss in nats) and the time it took over all attempts."""

    train: list[tuple[int, float]] = field(default_factory=list)
    valid: list[tuple[int, float]] = field(default_factory=list)
    seconds: float = 0.0
    attempts: int = 0


@dataclass
class Training:
    step: int  # updates done
    weights: Weights
    adam: Adam
    state: Array  # of the streams, at the end of the last window
    history: History


def save(path: Path, training: Training, size: Size) -> None:
    arrays = {f"weights.{name}": value for name, value in training.weights.items()}
    arrays |= {f"mean.{name}": value for name, value in training.adam.mean.items()}
    arrays |= {f"square.{name}": value for name, value in training.adam.square.items()}
    facts = {"step": training.step, "size": asdict(size), "history": asdict(training.history)}
    write_whole(path, lambda stream: np.savez(stream, state=training.state, facts=json.dumps(facts), **arrays))


def load(path: Path, size: Size) -> Training:
    """The training as it was saved; refuses one that was made with other settings."""
    with np.load(path, allow_pickle=False) as stored:
        facts = json.loads(str(stored["facts"]))
        if facts["size"] != asdict(size):
            raise SystemExit(f"{path} belongs to a training with other settings: remove it to start anew")

        def group(prefix: str) -> Weights:
            return {name.removeprefix(prefix): stored[name] for name in stored.files if name.startswith(prefix)}

        adam = Adam({})
        adam.mean, adam.square = group("mean."), group("square.")
        return Training(facts["step"], group("weights."), adam, stored["state"], History(**facts["history"]))
