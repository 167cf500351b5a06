"""Which addresses are let in, and whose address a request comes from. Pure."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
EVERYBODY = "everybody"
DENY = "deny"


@dataclass(frozen=True)
class Rule:
    network: Network
    verdict: str
    audience: str


def address(text: str) -> Address:
    """IPv4 written as IPv6 is IPv4; a zone is left out. Raises ValueError."""
    found = ipaddress.ip_address(text.strip().strip("[]").partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found


def network(text: str) -> Network:
    """One address is a network of one; host bits are cleared; IPv4 written as IPv6 is IPv4. Raises ValueError."""
    found = ipaddress.ip_network(text.strip(), strict=False)
    mapped = getattr(found.network_address, "ipv4_mapped", None)
    if mapped is None or found.prefixlen < 96:
        return found
    return ipaddress.ip_network(f"{mapped}/{found.prefixlen - 96}")


def is_in(one: Address, networks: Iterable[Network]) -> bool:
    return any(one.version == known.version and one in known for known in networks)


def is_let_in(rules: Iterable[Rule], one: Address | None, audience: str) -> bool:
    """Deny beats allow; where anything is allowed by name, all else is denied. Loopback is never locked out; who cannot
    say where he comes from is, once there is any rule.
    """
    meant = [rule for rule in rules if rule.audience in (EVERYBODY, audience)]
    if not meant or (one is not None and one.is_loopback):
        return True
    if one is None or is_in(one, (rule.network for rule in meant if rule.verdict == DENY)):
        return False
    allowed = [rule.network for rule in meant if rule.verdict != DENY]
    return not allowed or is_in(one, allowed)


def origin(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> Address | None:
    """Whose request it is: the peer's, or behind proxies of ours the right-most hop that is none of them. What stands
    further left anybody may have written. None: it cannot be said.
    """
    try:
        hops = [address(hop) for part in forwarded for hop in part.split(",")] if _is_proxy(peer, proxies) else []
        hops.append(address(peer))
    except ValueError:
        return None
    for hop in reversed(hops):
        if not is_in(hop, proxies):
            return hop
    return hops[0]


def _is_proxy(peer: str, proxies: Sequence[Network]) -> bool:
    return bool(proxies) and is_in(address(peer), proxies)
