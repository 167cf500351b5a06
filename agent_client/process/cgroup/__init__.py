"""Control groups of attempts: where they may be made (find), one attempt's (group), how each version kills (v1, v2)."""
