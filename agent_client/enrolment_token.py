"""An enrolment token: `nse1.` and base64 of {url, pin, token}; or, from a server without a pin, a bare secret."""

import base64
import binascii
import json
from dataclasses import dataclass

from agent_client import pin

PREFIX = "nse1."


@dataclass(frozen=True)
class EnrolmentToken:
    secret: str
    server_url: str = ""


def read(text: str) -> EnrolmentToken:
    """Raises ValueError."""
    if not text.startswith(PREFIX):
        return EnrolmentToken(text)
    try:
        packed = text.removeprefix(PREFIX)
        said = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
        token = EnrolmentToken(str(said["token"]), pin.joined(str(said["url"]), str(said["pin"])))
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise ValueError("is cut off or damaged") from error
    return token
