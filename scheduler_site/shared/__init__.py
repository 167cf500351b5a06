"""Leaf helpers that any app may use. Import no app."""
