"""Random secrets and their hashes. Only hashes are stored."""

import hashlib
import secrets


def new_secret() -> str:
    """256 random bits, safe in a header and a file."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """SHA-256 in hex. Fit for random secrets only, not for passwords people choose."""
    return hashlib.sha256(secret.encode()).hexdigest()
