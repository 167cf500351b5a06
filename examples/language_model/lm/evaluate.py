"""Step 6: scores the trained network on all of the validation text, beside the counting models and in one with the best
of them, and lets it write a few samples. Draws nothing (plot.py does)."""

from __future__ import annotations

import numpy as np

from lm.baseline import FIRST_SCORED, LONGEST
from lm.files import hand_over, read_json, run_path, write_json
from lm.sample import write_on
from lm.score import measures, table, token_losses
from lm.tokens import Tokenizer

BEGINNINGS = ("Return the ", "This module ", "Raised when ", "The file ")
SAMPLE_TOKENS = 60


def main() -> None:
    with np.load(run_path("model.npz")) as stored:
        weights = {name: stored[name] for name in stored.files}
    valid = np.load(run_path("valid.npy"))
    bytes_per_token = run_path("valid.txt").stat().st_size / len(valid)
    # The loss at place i belongs to token i + 1: the network has nothing to say about the first.
    surprise = token_losses(weights, valid, streams=1, is_shown=True)[FIRST_SCORED - 1 :]
    results = read_json(run_path("baseline.json"))
    results["network"] = measures(float(surprise.mean(dtype=np.float64)), bytes_per_token)
    both = (np.exp(-surprise[:, 0].astype(np.float64)) + np.load(run_path("baseline.npy"))) / 2
    results[f"network + {LONGEST}"] = measures(float(-np.log(both).mean()), bytes_per_token)
    print(table(results))
    tokenizer = Tokenizer.load()
    samples = [write_on(weights, tokenizer, text, SAMPLE_TOKENS, seed) for seed, text in enumerate(BEGINNINGS)]
    for sample in samples:
        print(f"\n> {sample}")
    write_json(run_path("evaluation.json"), {"models": results, "samples": samples, "scored_tokens": surprise.size})
    hand_over(results)


if __name__ == "__main__":
    main()
