"""Output of attempts: files, rows and gaps, comparing at the end, pruning."""
