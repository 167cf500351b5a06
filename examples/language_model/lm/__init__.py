"""A small language model from corpus to picture, one module per step.

Knows nothing of Nightshift but the variables that every task has."""
