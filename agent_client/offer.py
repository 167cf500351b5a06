"""What people say of a host: its address, its zone, what it can do, what it has a number of. Reads no file, asks no
machine."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

LABEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
ADDRESS = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:%_-]{0,254}")
MOST = 2**31 - 1
LABEL_RULE = "lower-case letters, digits, dot, dash and underscore"


class OfferError(Exception):
    """The sentence goes on after the name of whatever said it: "must ..."."""


@dataclass(frozen=True)
class Offer:
    """`capabilities`: name -> version, which may be empty. `resources`: counted ones, such as licences."""

    address: str = ""
    zone: str = ""
    capabilities: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, int] = field(default_factory=dict)

    def or_else(self, other: "Offer") -> "Offer":
        """Each part of this one where it says something, else the other's."""
        return Offer(
            self.address or other.address,
            self.zone or other.zone,
            self.capabilities or other.capabilities,
            self.resources or other.resources,
        )


def address(text: str) -> str:
    if text and not ADDRESS.fullmatch(text):
        raise OfferError(f"must be a host name or an IP address, not {text!r}")
    return text


def capabilities(items: list[str]) -> dict[str, str]:
    """Each item is NAME or NAME=VERSION."""
    found: dict[str, str] = {}
    for item in items:
        name, equals, version = (part.strip() for part in item.partition("="))
        _require_new_label(name, found)
        if equals and not VERSION.fullmatch(version):
            raise OfferError(f"must give a version after {name}=, without blanks, not {version!r}")
        found[name] = version
    return found


def resources(items: list[str]) -> dict[str, int]:
    """Each item is NAME=COUNT."""
    found: dict[str, int] = {}
    for item in items:
        name, _, number = (part.strip() for part in item.partition("="))
        _require_new_label(name, found)
        found[name] = count(name, int(number) if re.fullmatch(r"[0-9]{1,12}", number) else number)
    return found


def counted(values: Mapping[str, object]) -> dict[str, int]:
    """As `resources`, of decoded JSON or TOML."""
    found: dict[str, int] = {}
    for name, value in values.items():
        _require_new_label(name, found)
        found[name] = count(name, value)
    return found


def count(name: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
        return value
    raise OfferError(f"must give a whole number from 0 to {MOST} for {name}, not {value!r}")


def _require_new_label(name: str, known: Mapping[str, object]) -> None:
    if not LABEL.fullmatch(name):
        raise OfferError(f"must hold names of {LABEL_RULE}, not {name!r}")
    if name in known:
        raise OfferError(f"must name {name} only once")
