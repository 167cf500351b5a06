"""Database backends whose writers of one process take turns."""
