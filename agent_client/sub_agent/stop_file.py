"""stop.json: the one channel by which a running sub agent is told to stop, written by the main agent and by replies."""

import logging

from agent_client import wire
from agent_client.sub_agent_dir import SubAgentDir, Unreadable

log = logging.getLogger(__name__)


class StopFile:
    """Reads stop.json when it changed. Looking costs one stat()."""

    def __init__(self, directory: SubAgentDir) -> None:
        self._directory = directory
        self._path = directory.path / "stop.json"
        self._seen: tuple[int, int] | None = None

    def look(self) -> wire.Stop | None:
        """The request if it is new since the last look."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        version = (status.st_ino, status.st_mtime_ns)
        if version == self._seen:
            return None
        self._seen = version
        try:
            return self._directory.read_stop()
        except Unreadable as error:
            log.error("stop request ignored error=%s", error)
            return None


def request_stop(directory: SubAgentDir, stop: wire.Stop) -> bool:
    """Write the request unless the file says as much already: `kill_now` is never taken back. True when written."""
    try:
        present = directory.read_stop()
    except Unreadable:
        present = None
    if present == stop or (present is not None and present.get("kill_now") and not stop["kill_now"]):
        return False
    directory.write_stop(stop)
    return True
