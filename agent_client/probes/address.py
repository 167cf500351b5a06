"""Finds the address under which this host speaks to the server: others on its network reach it there. Sends nothing."""

import socket
from urllib.parse import urlsplit


def local_address(server_url: str) -> str:
    """Empty when there is no way to the server. IPv4 first: whoever reads the address may know no other."""
    parts = urlsplit(server_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        ways = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_DGRAM)
    except OSError:
        return ""
    for family, _, _, _, target in sorted(ways, key=lambda way: way[0] != socket.AF_INET):
        address = _towards(family, target)
        if address:
            return address
    return ""


def _towards(family: int, target: tuple[object, ...]) -> str:
    """Connecting a datagram socket only chooses the route."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(target)
            return str(probe.getsockname()[0])
    except OSError:
        return ""
