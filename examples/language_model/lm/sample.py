"""Lets a network write: token by token, each drawn from what it finds likely. Deterministic for a seed."""

from __future__ import annotations

import numpy as np

from lm.gru import Weights, forward, scores
from lm.tokens import Tokenizer

TEMPERATURE = 0.7  # below one: the likely becomes likelier
CHOICES = 40  # draw from this many most likely tokens only


def draw(log_probabilities: np.ndarray, random: np.random.Generator) -> int:
    best = np.argsort(log_probabilities)[-CHOICES:]
    chances = np.exp((log_probabilities[best] - log_probabilities[best].max()).astype(np.float64) / TEMPERATURE)
    return int(random.choice(best, p=chances / chances.sum()))


def write_on(weights: Weights, tokenizer: Tokenizer, beginning: str, length: int, seed: int) -> str:
    """`beginning` with `length` more tokens."""
    random = np.random.default_rng(seed)
    tokens = tokenizer.encode(beginning)
    state = np.zeros((1, weights["recurrent"].shape[0]), np.float32)
    unread = tokens
    for _ in range(length):
        trace = forward(weights, np.array(unread, np.intp)[:, None], state)
        state = trace.states[-1]
        unread = [draw(scores(weights, trace.outputs[-1, 0]), random)]
        tokens = tokens + unread
    return tokenizer.decode(tokens)
