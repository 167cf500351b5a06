"""stop.json: the one channel by which a running sub agent is told to stop, written by the main agent and by replies.

On a disk that takes no file, what a reply says is heeded all the same.
"""

import logging
from collections.abc import Mapping
from typing import Any, cast

from agent_client import wire
from agent_client.sub_agent_dir import SubAgentDir, Unreadable

log = logging.getLogger(__name__)


class StopFile:
    """Reads stop.json when it changed. Looking costs one stat()."""

    def __init__(self, directory: SubAgentDir) -> None:
        self._directory = directory
        self._path = directory.path / "stop.json"
        self._seen: tuple[int, int] | None = None
        self._unwritten: wire.Stop | None = None
        self._handed: wire.Stop | None = None

    def hand(self, stop: wire.Stop) -> bool:
        """Take what a reply says, from another thread. True when it is new."""
        try:
            return request_stop(self._directory, stop)
        except OSError as error:
            wanted = understood(stop)
            if wanted is None or wanted == self._handed:
                return False
            log.warning("stop request not written, heeded all the same error=%s", error)
            self._handed = self._unwritten = wanted
            return True

    def look(self) -> wire.Stop | None:
        """The request if it is new since the last look."""
        if (unwritten := self._unwritten) is not None:
            self._unwritten = None
            return unwritten
        try:
            status = self._path.stat()
        except OSError:
            return None
        version = (status.st_ino, status.st_mtime_ns)
        if version == self._seen:
            return None
        self._seen = version
        stop = _present(self._directory)
        if stop is None:
            log.error("stop request ignored, it is damaged")
        return stop


def request_stop(directory: SubAgentDir, stop: wire.Stop) -> bool:
    """Write the request unless the file says as much already: `kill_now` is never taken back. True when written."""
    present, wanted = _present(directory), understood(stop)
    if wanted is None or present == wanted or (present is not None and present["kill_now"] and not wanted["kill_now"]):
        return False
    directory.write_stop(wanted)
    return True


def understood(request: Mapping[str, Any]) -> wire.Stop | None:
    """The request in its full form; None for one that does not say clearly what it wants: nothing is killed by it."""
    reason, grace_seconds = request.get("reason"), request.get("grace_seconds")
    is_number = isinstance(grace_seconds, int | float) and not isinstance(grace_seconds, bool) and grace_seconds >= 0
    if not isinstance(reason, str) or not (grace_seconds is None or is_number):
        return None
    return cast(
        "wire.Stop", {"reason": reason, "grace_seconds": grace_seconds, "kill_now": bool(request.get("kill_now"))}
    )


def _present(directory: SubAgentDir) -> wire.Stop | None:
    try:
        return understood(directory.read_stop() or {})
    except Unreadable:
        return None
