"""The sub agent's own log, agent.log in its folder: one line per event. Small; nothing of the script's output.

The file is made when there is something for a person to read: a warning, or a script that runs for a while. What a
short and quiet life has to say goes with it.
"""

import logging
import logging.handlers
import time
from pathlib import Path

LARGEST_BYTES = 1 << 20
HELD_SECONDS = 1.0


class _OneLine(logging.Formatter):
    """UTC time, level, message; control characters escaped, so that no value can forge a line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return "".join(
            char if char.isprintable() else char.encode("unicode_escape").decode() for char in super().format(record)
        )


class EventLog(logging.Handler):
    """Without a place to write to there is no log, and nothing else fails."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file: logging.Handler | None = None
        self._held: list[logging.LogRecord] = []
        self._began_at = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        self._held.append(record)
        if self._file is not None or record.levelno >= logging.WARNING:
            self.write_out()

    def write_out(self) -> None:
        """From now on each line goes to the file at once, after those that were held back."""
        self.acquire()
        try:
            held, self._held = self._held, []
            self._file = self._file or _file(self._path)
            for record in held:
                self._file.emit(record)
        finally:
            self.release()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()

    @property
    def is_due(self) -> bool:
        return bool(self._held) and time.monotonic() - self._began_at >= HELD_SECONDS


def _file(path: Path) -> logging.Handler:
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=LARGEST_BYTES, backupCount=1, encoding="utf-8", delay=True
    )
    handler.setFormatter(_OneLine())
    return handler


def start_event_log(path: Path) -> None:
    """Send this process's log to `path`."""
    root = logging.getLogger()
    root.handlers[:] = [EventLog(path)]
    root.setLevel(logging.INFO)
    logging.raiseExceptions = False


def look_at_event_log() -> None:
    """To be called now and then while the script runs: what was held back is written when its time has come."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, EventLog) and handler.is_due:
            handler.write_out()


def end_event_log() -> None:
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
