"""Whose address a request counts as, for access rules, histories and limits alike: what our proxies say is believed.

Decides nothing; how hops are read is shared.addresses'.
"""

from collections.abc import Sequence

from django.conf import settings
from django.http import HttpRequest

from scheduler_site.shared.addresses import Address, origin


def client_address(peer: str, forwarded: Sequence[str]) -> Address | None:
    """`forwarded`: the values of X-Forwarded-For. None: it cannot be said."""
    return origin(peer, forwarded, settings.TRUSTED_PROXIES)


def address_of(request: HttpRequest) -> str:
    """The same for histories; the peer's own words when it cannot be said."""
    peer, forwarded = str(request.META.get("REMOTE_ADDR") or ""), request.META.get("HTTP_X_FORWARDED_FOR")
    return str(client_address(peer, [forwarded] if forwarded else []) or peer)[:45]
