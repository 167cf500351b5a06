"""Waits until the new server says that it is well."""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable

INTERVAL_SECONDS = 0.1


def is_well(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/", timeout=5) as reply:  # noqa: S310 - our own http address
            return bool(reply.status == 200)
    except (OSError, urllib.error.URLError, http.client.HTTPException):
        return False


def wait_until_well(url: str, seconds: float, should_go_on: Callable[[], bool]) -> bool:
    """False when time is up or `should_go_on` says no."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and should_go_on():
        if is_well(url):
            return True
        time.sleep(INTERVAL_SECONDS)
    return False
