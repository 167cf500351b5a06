"""Measures how well a network foretells a text. Changes no weights."""

from __future__ import annotations

import math

import numpy as np
from tqdm import tqdm

from lm.gru import Array, Tokens, Weights, forward, losses, scores

WINDOW = 128


def token_losses(weights: Weights, tokens: Tokens, streams: int, is_shown: bool = False) -> Array:
    """Surprise in nats at every token but the first of each stream, (length - 1, streams).

    With one stream the network reads the text from end to end; more streams are faster and begin anew at each cut."""
    rows = tokens[: len(tokens) // streams * streams].reshape(streams, -1).T.astype(np.intp)
    state = np.zeros((streams, weights["recurrent"].shape[0]), np.float32)
    parts = []
    for start in tqdm(range(0, len(rows) - 1, WINDOW), "validation", ncols=100, disable=not is_shown):
        inputs, targets = rows[start : start + WINDOW], rows[start + 1 : start + WINDOW + 1]
        trace = forward(weights, inputs[: len(targets)], state)
        state = trace.states[-1]
        parts.append(losses(scores(weights, trace.outputs), targets))
    return np.concatenate(parts)


def mean_loss(weights: Weights, tokens: Tokens, streams: int) -> float:
    return float(token_losses(weights, tokens, streams).mean(dtype=np.float64))


def measures(nats_per_token: float, bytes_per_token: float) -> dict[str, float]:
    """The usual figures of a language model. Bits per byte do not depend on how the text was cut into tokens."""
    return {
        "loss": round(nats_per_token, 4),
        "perplexity": round(math.exp(nats_per_token), 2),
        "bits_per_byte": round(nats_per_token / math.log(2) / bytes_per_token, 4),
    }


def table(results: dict[str, dict[str, float]]) -> str:
    head = f"{'model':<18}{'perplexity':>12}{'bits per byte':>15}"
    rows = (f"{name:<18}{of['perplexity']:>12.2f}{of['bits_per_byte']:>15.3f}" for name, of in results.items())
    return "\n".join([head, *rows])
