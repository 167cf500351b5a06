"""Tells a database that cannot be used at the moment (locked, full, restarting) from a fault of ours. Mends nothing."""

from django.db import InterfaceError, OperationalError, connection

RETRY_SECONDS = "1"
_PASSING = ("locked", "disk is full", "disk I/O error", "unable to open")


def will_pass(error: Exception) -> bool:
    """Whether the same request may succeed later; nothing of it was stored. SQLite calls a missing table an operational
    error as well, PostgreSQL does not."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    return connection.vendor != "sqlite" or any(words in str(error) for words in _PASSING)
