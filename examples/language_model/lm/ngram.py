"""Counting models to compare with: token frequencies, and interpolated Kneser-Ney n-grams.
An n-gram is kept as one integer, its tokens as digits to the base of the vocabulary's size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lm.gru import Tokens

Keys = NDArray[np.int64]
Floats = NDArray[np.float64]


def keys_of(tokens: Tokens, order: int, base: int) -> Keys:
    """The n-gram that ends at each token from position order - 1 on."""
    if base**order >= 2**63:
        raise ValueError(f"n-grams of order {order} over {base} tokens do not fit into 63 bits")
    length = len(tokens) - order + 1
    keys = np.zeros(length, np.int64)
    for place in range(order):
        keys = keys * base + tokens[place : place + length]
    return keys


def find(table: Keys, values: Keys, wanted: Keys) -> Floats:
    """The value of each wanted key, 0 where the sorted table has none."""
    place = np.minimum(np.searchsorted(table, wanted), len(table) - 1)
    return np.where(table[place] == wanted, values[place], 0).astype(np.float64)


@dataclass
class Level:
    """The counts of one order, with what each context had in all and how many different tokens followed it."""

    order: int
    keys: Keys
    counts: Keys
    contexts: Keys
    totals: Keys
    followers: Keys
    discount: float


def make_level(order: int, keys: Keys, counts: Keys, base: int) -> Level:
    contexts, where, followers = np.unique(keys // base, return_inverse=True, return_counts=True)
    totals = np.bincount(where, counts).astype(np.int64)
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    discount = once / (once + 2 * twice) if once and twice else 0.5
    return Level(order, keys, counts, contexts, totals, followers, discount)


def learn(tokens: Tokens, order: int, base: int) -> list[Level]:
    """Levels from order 1 to `order`. Lower ones count in how many contexts an n-gram was seen, not how often:
    a token that only ever follows one other is a poor guess after anything else."""
    keys, counts = np.unique(keys_of(tokens, order, base), return_counts=True)
    levels = [make_level(order, keys, counts, base)]
    for lower in range(order - 1, 0, -1):
        keys, counts = np.unique(keys % base**lower, return_counts=True)
        levels.append(make_level(lower, keys, counts, base))
    return levels[::-1]


def probabilities(levels: list[Level], tokens: Tokens, base: int, start: int) -> Floats:
    """Of each token from position `start` on, given those before it."""
    if start < len(levels) - 1:
        raise ValueError(f"an n-gram of order {len(levels)} has no full context at position {start}")
    chance = np.full(len(tokens) - start, 1 / base)
    for level in levels:
        wanted = keys_of(tokens, level.order, base)[start - level.order + 1 :]
        total = find(level.contexts, level.totals, wanted // base)
        followers = find(level.contexts, level.followers, wanted // base)
        kept = np.maximum(find(level.keys, level.counts, wanted) - level.discount, 0)
        mixed = (kept + level.discount * followers * chance) / np.maximum(total, 1)
        chance = np.where(total > 0, mixed, chance)
    return chance


def frequencies(tokens: Tokens, wanted: Tokens, base: int) -> Floats:
    """Of each wanted token, by its count alone; one is added so that none is impossible."""
    counts = np.bincount(tokens, minlength=base) + 1
    return counts[wanted] / counts.sum()
