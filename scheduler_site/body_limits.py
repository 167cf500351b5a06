"""How large a request's body may be, by its address and by whether it carries a credential at all. Pure.

Whether the credential is good is found out later, by Django; the point here is what is read before that.
"""

from collections.abc import Iterable

from django.conf import settings

AGENT_PREFIX = "/agent/v1/"
OUTPUT_CALLS = ("/report", "/log")


def limit_of(path: str, *, has_credential: bool) -> int:
    if not has_credential:
        return settings.STRANGER_BODY_BYTES
    if not path.startswith(AGENT_PREFIX):
        return settings.BODY_BYTES
    return settings.AGENT_BODY_BYTES if path.endswith(OUTPUT_CALLS) else settings.AGENT_JSON_BYTES


def has_credential(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """An Authorization header, or our session's cookie. A form of somebody who is not signed in is small."""
    session = f"{settings.SESSION_COOKIE_NAME}=".encode()
    return any(
        name.lower() == b"authorization" or (name.lower() == b"cookie" and session in value) for name, value in headers
    )
