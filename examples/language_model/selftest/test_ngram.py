"""An n-gram model gives probabilities: over the vocabulary they add up to one after every context."""

from __future__ import annotations

import unittest

import numpy as np

from lm.ngram import frequencies, learn, probabilities

BASE = 7


class NgramTest(unittest.TestCase):
    def setUp(self) -> None:
        random = np.random.default_rng(2)
        # Token 6 never occurs: contexts with it are unknown.
        self.tokens = (random.random(400) ** 2 * 6).astype(np.uint16)

    def distribution(self, order: int, context: list[int]) -> np.ndarray:
        levels = learn(self.tokens, order, BASE)
        rows = [np.array([*context, token]) for token in range(BASE)]
        return np.array([probabilities(levels, row, BASE, len(context))[0] for row in rows])

    def test_probabilities_add_up_to_one(self) -> None:
        for order, context in ((1, []), (2, [0]), (2, [6]), (3, [0, 1]), (3, [6, 0]), (4, [5, 5, 5])):
            with self.subTest(order=order, context=context):
                chances = self.distribution(order, context)
                self.assertAlmostEqual(chances.sum(), 1, places=12)
                self.assertTrue((chances > 0).all())

    def test_frequencies_add_up_to_one(self) -> None:
        self.assertAlmostEqual(frequencies(self.tokens, np.arange(BASE), BASE).sum(), 1, places=12)

    def test_a_row_seen_often_is_expected(self) -> None:
        tokens = np.tile([1, 2, 3, 4], 100)
        levels = learn(tokens, 3, BASE)
        self.assertGreater(probabilities(levels, np.array([1, 2, 3]), BASE, 2)[0], 0.9)

    def test_too_many_digits_are_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "63 bits"):
            learn(self.tokens, 7, 1024)


if __name__ == "__main__":
    unittest.main()
