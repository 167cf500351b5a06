"""Imports what a server serves with, without the packages that others take whenever they are installed.

Those are optional to whoever imports them and serve nothing here, but would be a quarter of the server's memory.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

OF_NO_USE = (
    "django.contrib.postgres.fields",  # no model has one; brings psycopg, also where the database is SQLite
    "requests",  # REST framework's test client
    "click",  # autobahn's coloured words
    "cbor2",  # WAMP, which is not spoken here
)
OF_TLS = ("OpenSSL",)  # with the whole of cryptography


def import_all(with_tls: bool) -> None:
    """Before the first request rather than in it, and where a fault ends the start."""
    with hidden(*OF_NO_USE, *(() if with_tls else OF_TLS)):
        import_module("scheduler_site.urls")
        import_module("scheduler_site.serving.with_daphne")


@contextmanager
def hidden(*names: str) -> Iterator[None]:
    """Inside, these count as not installed. What has been imported before stays."""
    modules: dict[str, Any] = sys.modules
    absent = [name for name in names if name not in modules]
    modules.update(dict.fromkeys(absent))  # None is Python's own mark of a module that is not to be found
    try:
        yield
    finally:
        for name in absent:
            del modules[name]
