"""A training that is saved and loaded halfway ends with the same weights, to the last bit."""

from __future__ import annotations

import dataclasses
import tempfile
import unittest
from pathlib import Path

import numpy as np

from lm import checkpoint
from lm.settings import Size
from lm.train import begin, update

SIZE = Size(0, 50, 8, 12, 4, 8, 30, 1e-2, 0.2, 10)


class ResumeTest(unittest.TestCase):
    def setUp(self) -> None:
        self.tokens = np.random.default_rng(1).integers(0, SIZE.vocabulary, 700).astype(np.uint16)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "checkpoint.npz"

    def test_half_and_half_is_the_whole(self) -> None:
        whole, half = begin(SIZE), begin(SIZE)
        expected = [update(whole, self.tokens, SIZE) for _ in range(SIZE.steps)]
        found = [update(half, self.tokens, SIZE) for _ in range(13)]
        half.history.train.append((13, found[-1]))
        checkpoint.save(self.path, half, SIZE)
        loaded = checkpoint.load(self.path, SIZE)
        self.assertEqual(loaded.step, 13)
        self.assertEqual(loaded.history.train[-1][1], found[-1])
        found += [update(loaded, self.tokens, SIZE) for _ in range(13, SIZE.steps)]
        self.assertEqual(expected, found)
        for name, value in whole.weights.items():
            np.testing.assert_array_equal(value, loaded.weights[name], err_msg=name)

    def test_a_checkpoint_of_other_settings_is_refused(self) -> None:
        checkpoint.save(self.path, begin(SIZE), SIZE)
        with self.assertRaisesRegex(SystemExit, "other settings"):
            checkpoint.load(self.path, dataclasses.replace(SIZE, steps=31))


if __name__ == "__main__":
    unittest.main()
