"""Rules that choose among the hosts where a task fits, one file each; base.py says what one is."""
