"""The sizes of the example: how much text, how large a network, how long a training. Reads no file."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    corpus_bytes: int  # raw text to gather at most
    vocabulary: int  # tokens: 256 bytes and what the byte-pair merges add
    embedding: int  # width of a token's vector
    hidden: int  # width of the recurrent state
    streams: int  # places of the corpus that are read side by side
    window: int  # tokens per stream and step; gradients go no further back
    steps: int  # updates of the weights
    learning_rate: float
    dropout: float
    check_steps: int  # updates between two looks at the validation text; each is followed by a checkpoint


SIZES = {
    "small": Size(400_000, 384, 64, 192, 16, 32, 900, 6e-3, 0.0, 60),
    "normal": Size(5_000_000, 1024, 160, 384, 32, 64, 2200, 5e-3, 0.05, 100),
}


def chosen_size() -> Size:
    """The size named by EXAMPLE_SIZE (small or normal, default normal)."""
    name = os.environ.get("EXAMPLE_SIZE", "normal")
    if name not in SIZES:
        raise SystemExit(f"EXAMPLE_SIZE must be one of {', '.join(SIZES)}, not {name!r}")
    return SIZES[name]
