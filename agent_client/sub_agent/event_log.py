"""The sub agent's own log, agent.log in its folder: one line per event. Small; nothing of the script's output."""

import logging
import logging.handlers
import time
from pathlib import Path

LARGEST_BYTES = 1 << 20


class _OneLine(logging.Formatter):
    """UTC time, level, message; control characters escaped, so that no value can forge a line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return "".join(
            char if char.isprintable() else char.encode("unicode_escape").decode() for char in super().format(record)
        )


def start_event_log(path: Path) -> None:
    """Send this process's log to `path`; without a place to write to there is no log, and nothing else fails."""
    handler: logging.Handler
    try:
        handler = logging.handlers.RotatingFileHandler(path, maxBytes=LARGEST_BYTES, backupCount=1, encoding="utf-8")
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(_OneLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.raiseExceptions = False


def end_event_log() -> None:
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
