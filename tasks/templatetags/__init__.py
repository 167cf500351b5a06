"""Template tags of task and agent pages."""
