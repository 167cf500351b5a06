"""Step 5: trains the network, with a progress bar, checkpoints and looks at the validation text. Killed and started
again, it goes on from its last checkpoint and ends with the same weights as an undisturbed training."""

from __future__ import annotations

import math
import os
import signal
import time

import numpy as np
from tqdm import tqdm

from lm import checkpoint
from lm.adam import Adam, clip, learning_rate
from lm.checkpoint import History, Training
from lm.files import report, run_path, write_json, write_whole
from lm.gru import Tokens, backward, forward, new_weights
from lm.score import mean_loss
from lm.settings import Size, chosen_size
from lm.windows import window_of_step, windows_per_pass

SEED = 41
GRADIENT_LENGTH_MAX = 1.0
CHECK_TOKENS = 16_000  # of the validation text, for the looks in between; evaluate.py takes all of it
CHECK_STREAMS = 16


def begin(size: Size) -> Training:
    weights = new_weights(size, np.random.default_rng(SEED))
    return Training(0, weights, Adam(weights), np.zeros((size.streams, size.hidden), np.float32), History())


def update(training: Training, tokens: Tokens, size: Size) -> float:
    """One step of the training; returns the loss before it."""
    inputs, targets, is_start = window_of_step(tokens, training.step, size.streams, size.window)
    state = np.zeros_like(training.state) if is_start else training.state
    # A generator per step: nothing random has to be kept in a checkpoint.
    random = np.random.default_rng((SEED, training.step))
    trace = forward(training.weights, inputs, state, size.dropout, random)
    loss, gradients = backward(training.weights, trace, targets)
    clip(gradients, GRADIENT_LENGTH_MAX)
    rate = learning_rate(training.step, size.steps, size.learning_rate)
    training.step += 1
    training.adam.update(training.weights, gradients, training.step, rate)
    training.state = trace.states[-1]
    return loss


class Interruption:
    """Remembers that the task was asked to end (TERM), so that the step under way is finished and saved."""

    def __init__(self) -> None:
        self.was_asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, _number: int, _frame: object) -> None:
        self.was_asked = True


def look(training: Training, recent: list[float], valid: Tokens) -> None:
    """Note and print the loss since the last look and the one on text that the network does not learn from."""
    train_loss = sum(recent) / len(recent)
    valid_loss = mean_loss(training.weights, valid[:CHECK_TOKENS], CHECK_STREAMS)
    training.history.train.append((training.step, train_loss))
    training.history.valid.append((training.step, valid_loss))
    perplexity = math.exp(valid_loss)
    tqdm.write(f"step {training.step}: train loss {train_loss:.3f}, valid loss {valid_loss:.3f} ({perplexity:.1f})")


def train(training: Training, tokens: Tokens, valid: Tokens, size: Size, interruption: Interruption) -> None:
    """Run to the last step. Looks come at the same steps as checkpoints do, so none is lost or doubled by a kill."""
    path = run_path("checkpoint.npz")
    started, seconds_before = time.monotonic(), training.history.seconds
    recent: list[float] = []
    with tqdm(total=size.steps, initial=training.step, desc="training", ncols=100, mininterval=0.5) as bar:
        while training.step < size.steps:
            recent.append(update(training, tokens, size))
            bar.set_postfix(loss=f"{recent[-1]:.3f}", refresh=False)
            bar.update()
            is_due = training.step % size.check_steps == 0 or training.step == size.steps
            if is_due:
                look(training, recent, valid)
                recent.clear()
            if is_due or interruption.was_asked:
                training.history.seconds = seconds_before + time.monotonic() - started
                checkpoint.save(path, training, size)
            if interruption.was_asked:
                raise SystemExit(f"asked to end: saved at step {training.step} of {size.steps}")


def main() -> None:
    size, path = chosen_size(), run_path("checkpoint.npz")
    interruption = Interruption()
    tokens, valid = np.load(run_path("train.npy")), np.load(run_path("valid.npy"))
    attempt = os.environ.get("TASK_ATTEMPT", "1")
    training = checkpoint.load(path, size) if path.exists() else begin(size)
    training.history.attempts += 1
    passes = size.steps / windows_per_pass(tokens, size.streams, size.window)
    count = sum(value.size for value in training.weights.values())
    print(f"attempt {attempt}, from step {training.step} of {size.steps}: {count:,} weights, {len(tokens):,} tokens")
    print(f"the training reads the text {passes:.1f} times")
    train(training, tokens, valid, size, interruption)
    write_whole(run_path("model.npz"), lambda stream: np.savez(stream, **training.weights))
    history = training.history
    write_json(run_path("history.json"), {"train": history.train, "valid": history.valid, "seconds": history.seconds})
    report(
        {
            "steps": training.step,
            "weights": count,
            "train_loss": round(history.train[-1][1], 4),
            "valid_loss": round(history.valid[-1][1], 4),
            "seconds": round(history.seconds, 1),
            "attempts": history.attempts,
        }
    )


if __name__ == "__main__":
    main()
