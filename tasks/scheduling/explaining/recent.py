"""The scene of a moment ago, for a server that is asked often why tasks wait and whether what is asked for could run.

Outside of a server every question reads the rows. What it tells may be half a second old where other processes change
what it shows, else two, or older where reading takes long; of what is placed and what ends here it knows after a
twentieth of a second, and at once of a change of hosts, rules or reservations that this process made. Nobody may change
what it gives: all share it.
"""

import threading
import time
from collections.abc import Callable

from scheduler_site.shared import nudges
from tasks.scheduling import changes
from tasks.scheduling.explaining import scene
from tasks.scheduling.explaining.scene import Scene

FRESH_SECONDS = 0.5
FRESH_ALONE_SECONDS = 2.0
QUICK_SECONDS = 0.02
SOON_SECONDS = 0.05
SHARE = 10.0  # reading takes no more than one part in so many of the time


class _Kept:
    def __init__(self) -> None:
        self.is_on = False
        self.scene: Scene | None = None
        self.until = self.until_moved = 0.0
        self.changes = self.moves = -1
        self.took = 0.0

    def is_old(self) -> bool:
        has_moved = self.moves != changes.moves()
        return self.is_older() or (has_moved and time.monotonic() > self.until_moved)

    def is_older(self) -> bool:
        """Apart from what was placed and what ended since."""
        return time.monotonic() > self.until or self.changes != changes.count()


_lock = threading.Lock()
_kept = _Kept()


def keep(is_on: bool) -> None:
    """Called by a server at its start and its end."""
    with _lock:
        _kept.is_on, _kept.scene = is_on, None


def now() -> Scene:
    """Without what is known of reservations by their ids: for who names one, scene.load reads it."""
    return _unless(_Kept.is_old)


def of_late() -> Scene:
    """The same for who asks in the middle of a burst: what was placed and what ended may be missing for as long as what
    other processes change. Reading it anew for each submission would take as long as the submission."""
    return _unless(_Kept.is_older)


def _unless(is_too_old: Callable[[_Kept], bool]) -> Scene:
    if not _kept.is_on:
        return scene.load()
    with _lock:
        if _kept.scene is None or is_too_old(_kept):
            _read()
        assert _kept.scene is not None  # noqa: S101 - for the type checker
        return _kept.scene


def keep_ready() -> None:
    """While there is nothing else to do: so that who asks next does not wait for it. Not where that is much work."""
    with _lock:
        if _kept.is_on and _kept.took < QUICK_SECONDS and _kept.is_old():
            _read()


def remembered() -> Scene | None:
    """None outside of a server."""
    return of_late() if _kept.is_on else None


def _read() -> None:
    _kept.changes, _kept.moves = changes.count(), changes.moves()
    began = time.monotonic()
    _kept.scene = scene.load()
    ended = time.monotonic()
    _kept.took = ended - began
    fresh = FRESH_ALONE_SECONDS if nudges.are_alone() else FRESH_SECONDS
    _kept.until = ended + max(fresh, SHARE * _kept.took)
    _kept.until_moved = ended + max(SOON_SECONDS, SHARE * _kept.took)
