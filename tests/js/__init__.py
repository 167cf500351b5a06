"""Tests of the pages' pure modules, run by Node through test_node.py. What needs a browser is in tests/browser."""
