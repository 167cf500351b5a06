"""A server whose certificate no authority vouches for is known by the certificate's SHA-256: its pin.

The pin travels in the address of the server (`https://host:8000#sha256=...`), so that whoever has the address has the
pin: main agent, sub agents, profiles. Compared right after the handshake, before anything of ours is sent.
"""

import hashlib
import hmac
import http.client
import re
import ssl
from typing import Any

MARK = "#sha256="
PIN = re.compile(r"[0-9a-f]{64}")


class WrongPin(ssl.SSLError):
    """Somebody else answers at this address, or the server made itself a new certificate."""


def split(url: str) -> tuple[str, str]:
    """The address without its pin, and the pin or ''. Raises ValueError for a pin that is none."""
    bare, mark, pin = url.partition(MARK)
    if mark and not PIN.fullmatch(pin):
        raise ValueError(f"{url} ends in a pin that is not a SHA-256 of 64 hexadecimal digits")
    if pin and not bare.startswith("https://"):
        raise ValueError(f"{bare} has a pin, but only https:// has a certificate")
    return bare, pin


def joined(url: str, pin: str) -> str:
    """`pin` may be written as tools print it: in capitals, with colons."""
    plain = pin.replace(":", "").strip().lower()
    whole = f"{split(url)[0]}{MARK}{plain}" if plain else url
    split(whole)
    return whole


def kept(new_url: str, old_url: str) -> str:
    """`new_url`, with the pin of `old_url` if it brings none: a server that moves keeps its certificate."""
    old_pin = split(old_url)[1]
    has_own = MARK in new_url or not new_url.startswith("https://")
    return new_url if has_own else joined(new_url, old_pin)


def check(sock: Any, pin: str) -> None:
    certificate = sock.getpeercert(binary_form=True) or b""
    if not hmac.compare_digest(hashlib.sha256(certificate).hexdigest(), pin):
        raise WrongPin("the certificate is not the one that was pinned; nothing was sent")


def context() -> ssl.SSLContext:
    """Encrypts and asks no authority: the pin is what is checked."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


class PinnedConnection(http.client.HTTPSConnection):
    def __init__(self, host: str, port: int | None, pin: str) -> None:
        super().__init__(host, port, context=context())
        self._pin = pin

    def connect(self) -> None:
        super().connect()
        try:
            check(self.sock, self._pin)
        except WrongPin:
            self.close()
            raise
