"""Processes on the host: starting one behind a barrier, finding its family, signalling it without hitting a stranger."""
