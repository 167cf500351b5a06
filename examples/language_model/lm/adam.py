"""Adam: turns gradients into steps of the weights. Knows nothing of the network."""

from __future__ import annotations

import math

import numpy as np

from lm.gru import Weights

MEAN_DECAY, SQUARE_DECAY, TINY = np.float32(0.9), np.float32(0.99), np.float32(1e-8)


class Adam:
    def __init__(self, weights: Weights) -> None:
        self.mean = {name: np.zeros_like(value) for name, value in weights.items()}
        self.square = {name: np.zeros_like(value) for name, value in weights.items()}

    def update(self, weights: Weights, gradients: Weights, number: int, rate: float) -> None:
        """Change `weights` in place; `number` counts the updates from 1."""
        rate *= math.sqrt(1 - SQUARE_DECAY**number) / (1 - MEAN_DECAY**number)
        for name, gradient in gradients.items():
            mean, square = self.mean[name], self.square[name]
            mean += (1 - MEAN_DECAY) * (gradient - mean)
            square += (1 - SQUARE_DECAY) * (gradient * gradient - square)
            weights[name] -= np.float32(rate) * mean / (np.sqrt(square) + TINY)


def clip(gradients: Weights, length_max: float) -> None:
    """Shorten the gradient as a whole, so that one odd window cannot throw the weights away."""
    length = math.sqrt(sum(float(np.vdot(value, value)) for value in gradients.values()))
    if length > length_max:
        for value in gradients.values():
            value *= np.float32(length_max / length)


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Rises for the first 3 %, then falls along a half cosine to a twentieth of the peak."""
    warm = max(1, steps * 3 // 100)
    if step < warm:
        return peak * (step + 1) / warm
    share = (step - warm) / max(1, steps - warm)
    return peak * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * share)))
