"""The gradients against differences of the loss, and that the network learns."""

from __future__ import annotations

import unittest

import numpy as np

from lm.gru import Weights, backward, forward, losses, new_weights, scores
from lm.settings import Size
from lm.train import begin, update

TINY = Size(0, 11, 5, 7, 3, 4, 90, 2e-2, 0.0, 100)


def doubles(weights: Weights) -> Weights:
    return {name: value.astype(np.float64) for name, value in weights.items()}


class GradientTest(unittest.TestCase):
    def setUp(self) -> None:
        random = np.random.default_rng(3)
        self.weights = doubles(new_weights(TINY, random))
        self.inputs, self.targets = random.integers(0, TINY.vocabulary, (2, TINY.window, TINY.streams))
        self.state = random.standard_normal((TINY.streams, TINY.hidden))

    def loss(self, dropout: float) -> float:
        trace = forward(self.weights, self.inputs, self.state, dropout, np.random.default_rng(5))
        return float(losses(scores(self.weights, trace.outputs), self.targets).mean())

    def slope(self, array: np.ndarray, place: tuple[int, ...], dropout: float) -> float:
        before, step = array[place], 1e-6
        array[place] = before + step
        above = self.loss(dropout)
        array[place] = before - step
        below = self.loss(dropout)
        array[place] = before
        return (above - below) / (2 * step)

    def check(self, dropout: float) -> None:
        trace = forward(self.weights, self.inputs, self.state, dropout, np.random.default_rng(5))
        loss, gradients = backward(self.weights, trace, self.targets)
        self.assertAlmostEqual(loss, self.loss(dropout), places=12)
        self.assertEqual(gradients.keys(), self.weights.keys())
        for name, array in self.weights.items():
            wanted = np.array([self.slope(array, place, dropout) for place in np.ndindex(array.shape)])
            np.testing.assert_allclose(gradients[name].reshape(-1), wanted, rtol=1e-4, atol=1e-8, err_msg=name)
            self.assertGreater(np.abs(wanted).max(), 0, name)

    def test_gradients_are_the_slopes_of_the_loss(self) -> None:
        self.check(dropout=0.0)

    def test_gradients_with_dropout_are_the_slopes_of_the_loss(self) -> None:
        self.check(dropout=0.3)


class LearningTest(unittest.TestCase):
    def test_a_repeated_row_is_learnt(self) -> None:
        tokens = np.tile(np.arange(TINY.vocabulary), 40).astype(np.uint16)
        training = begin(TINY)
        course = [update(training, tokens, TINY) for _ in range(TINY.steps)]
        self.assertGreater(course[0], 2.0)
        self.assertLess(course[-1], 0.3)


if __name__ == "__main__":
    unittest.main()
