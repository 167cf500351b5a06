"""Finds a TCP port that is free on this host right now. Does not keep it: whoever is told takes it soon."""

import socket


def free_port() -> int | None:
    """None when the host has none to give; the kernel does not give the same one again soon."""
    try:
        with socket.socket() as probe:
            probe.bind(("", 0))
            return int(probe.getsockname()[1])
    except OSError:
        return None
