"""Deciding where tasks run: a pure planner in the middle, rows at the edges."""
