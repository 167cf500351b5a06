"""What grows with the history, and with the hosts? `python -m benchmarks.growth --help`."""
