"""Pages that join what several apps know."""
