"""Checks of the example's own code, run with its environment: `python -m unittest discover -s selftest -t .`"""
