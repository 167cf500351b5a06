"""Where the server listens, as endpoint descriptions; and a clear word when a port is taken."""

import errno
import os
import socket
from pathlib import Path

from scheduler_site.address import Address, is_loopback

# Twisted's own 50 are full at once when a fleet comes back: whoever finds no room tries again a second or three later.
# The kernel's limit (net.core.somaxconn, 4,096 by default) still holds.
BACKLOG = 2048


class CannotListen(Exception):
    """One sentence that says what to change."""


def descriptions(address: Address, cert: Path | None, key: Path | None) -> list[str]:
    """As endpoint strings. With TLS, this machine's own programs use a plain port on loopback."""
    if cert is None or key is None:
        return [_plain(address.host, address.port)]
    secured = (
        f"ssl:port={address.port}:interface={quoted(address.host)}:backlog={BACKLOG}"
        f":privateKey={quoted(str(key))}:certKey={quoted(str(cert))}"
    )
    return [secured, _plain("127.0.0.1", address.local_port)]


def _plain(host: str, port: int) -> str:
    return f"tcp:port={port}:interface={quoted(host)}:backlog={BACKLOG}"


def check_free(address: Address) -> None:
    """Tries to bind each port for a moment. Raises CannotListen."""
    _try(address.host, address.port, "NIGHTSHIFT_PORT")
    if address.has_tls:
        _try("127.0.0.1", address.local_port, "NIGHTSHIFT_LOCAL_PORT")


def check_inherited(number: int, may_be_open: bool) -> None:
    """A socket that several processes listen on, opened by whoever started them. Plain: others must not read along."""
    if not number:
        return
    try:
        with socket.socket(fileno=os.dup(number)) as inherited:
            family, where = inherited.family, inherited.getsockname()
    except OSError as error:
        wrong = f"NIGHTSHIFT_LISTEN_FD is {number}, which is no socket that this process inherited ({error.strerror})."
        raise CannotListen(wrong) from None
    if family not in (socket.AF_INET, socket.AF_INET6) or not (is_loopback(where[0]) or may_be_open):
        raise CannotListen("NIGHTSHIFT_LISTEN_FD is for a TCP socket on loopback: elsewhere others could read along.")


def _try(host: str, port: int, setting: str) -> None:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        raise CannotListen(_reason(error, host, port, setting)) from None


def _reason(error: OSError, host: str, port: int, setting: str) -> str:
    if error.errno == errno.EADDRINUSE:
        free = f"{setting}={port + 80}"
        return f"Port {port} on {host} is taken by another program. Set {setting} to a free one, such as {free}."
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used without special rights. Set {setting} to one above 1023."
    return f"Cannot listen on {host}:{port} ({error.strerror or error}). Check NIGHTSHIFT_HOST and {setting}."


def quoted(value: str) -> str:
    """Colons and backslashes separate the parts of an endpoint string."""
    return value.replace("\\", "\\\\").replace(":", "\\:")
