"""Cuts a long row of tokens into the windows that the network reads. A window depends on the step's number alone, so a
training that goes on from a checkpoint sees exactly what it would have seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lm.gru import Tokens


class Window(NamedTuple):
    inputs: Tokens  # (T, B)
    targets: Tokens  # (T, B): the token that follows each input
    is_start: bool  # the streams begin anew here: start from an empty state


def windows_per_pass(tokens: Tokens, streams: int, length: int) -> int:
    """How many steps it takes to read all the text once."""
    count = (len(tokens) // streams - 1) // length
    if count < 1:
        raise SystemExit(f"{len(tokens)} tokens are too few for {streams} streams of {length} tokens")
    return count


def window_of_step(tokens: Tokens, step: int, streams: int, length: int) -> Window:
    """The window of update `step`. Each pass over the text cuts it at other places than the pass before."""
    passes, place = divmod(step, windows_per_pass(tokens, streams, length))
    turned = np.roll(tokens, -passes * (length // 3))
    rows = turned[: len(tokens) // streams * streams].reshape(streams, -1).T
    cut = rows[place * length : (place + 1) * length + 1].astype(np.intp)
    return Window(cut[:-1], cut[1:], place == 0)
