"""Where the server listens and how it is reached: pure rules over host, port and certificate. Opens no socket."""

import ipaddress
import socket
from dataclasses import dataclass

import psutil
from django.core.exceptions import ImproperlyConfigured

LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"]


@dataclass(frozen=True)
class Address:
    """`local_port` is the plain port on loopback for this machine's own agent and command line; with TLS it differs."""

    host: str
    port: int
    local_port: int
    has_tls: bool

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)

    @property
    def listens_everywhere(self) -> bool:
        return self.host in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound

    @property
    def local_url(self) -> str:
        """For programs on this machine."""
        if self.has_tls:
            return f"http://127.0.0.1:{self.local_port}"
        return f"http://{bracketed(self._local_host())}:{self.port}"

    @property
    def public_url(self) -> str:
        """For browsers: on loopback the local URL, otherwise this machine's name or the address given."""
        if self.is_loopback and not self.has_tls:
            return self.local_url
        host = socket.gethostname() if self.listens_everywhere else bracketed(self.host)
        return f"{'https' if self.has_tls else 'http'}://{host}:{self.port}"

    def _local_host(self) -> str:
        if self.listens_everywhere:
            return "::1" if self.host == "::" else "127.0.0.1"
        return self.host


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def refuse_open_plain_text(address: Address, is_insecure: bool) -> None:
    """A server that other machines can reach must use TLS, or be told in so many words that it need not."""
    if address.is_loopback or address.has_tls or is_insecure:
        return
    raise ImproperlyConfigured(
        f"NIGHTSHIFT_HOST is {address.host!r}, which other machines can reach, and nothing would be encrypted. "
        "Set NIGHTSHIFT_TLS=1 for a certificate that the server makes itself, or NIGHTSHIFT_TLS_CERT and "
        "NIGHTSHIFT_TLS_KEY to one that you have, or NIGHTSHIFT_INSECURE=1 if you trust everyone on this network."
    )


def allowed_hosts(address: Address, named: list[str]) -> list[str]:
    """Host headers that are answered. Never all: a foreign name that points here could use the visitor's session."""
    hosts = [*LOOPBACK_NAMES, *named]
    if not address.is_loopback:
        hosts += [socket.gethostname(), socket.getfqdn()] if address.listens_everywhere else []
        hosts += own_addresses() if address.listens_everywhere else [bracketed(address.host)]
    elif address.host not in {"localhost", "::1"}:
        hosts.append(address.host)
    return sorted({host.lower() for host in hosts if host})


def own_addresses() -> list[str]:
    found = []
    for addresses in psutil.net_if_addrs().values():
        for entry in addresses:
            if entry.family in {socket.AF_INET, socket.AF_INET6}:
                found.append(bracketed(entry.address.partition("%")[0]))
    return found
