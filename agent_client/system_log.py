"""The structured log of a main agent: one line per event on stderr, `key=value` or JSON. Does not rotate or store.

Control characters never reach the line, secrets are not accepted as values, and an error that repeats is counted
instead of repeated.
"""

import functools
import json
import logging
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

LogFormat = Literal["kv", "json"]
LOGGER_NAME = "agent_client"  # the parent of all our modules' loggers: their lines come out in the same form
FOLD_SECONDS = 60.0
FOLD_KEYS_LIMIT = 1000
HIDDEN = "***"
_SECRET_NAME = re.compile(r"(secret|token|nonce|password|authorization)", re.IGNORECASE)
_PLAIN_VALUE = re.compile(r"[^\s\"'=\\]+")
_HARMFUL = {"Cc", "Cf", "Zl", "Zp", "Cs"}


class EventLog:
    """Writes events with fields that every line of it has, such as the loop's name."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields
        self._logger = logging.getLogger(LOGGER_NAME)

    def info(self, event: str, **fields: Any) -> None:
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._write(logging.ERROR, event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """An error together with the traceback of the exception being handled."""
        self._logger.error(event, exc_info=True, extra={"fields": {**self._fields, **fields}})

    def _write(self, level: int, event: str, fields: Mapping[str, Any]) -> None:
        self._logger.log(level, event, extra={"fields": {**self._fields, **fields}})


def set_up(log_format: LogFormat, host: str, stream: TextIO | None = None) -> None:
    """Send the agent's events to `stream` (stderr); replaces an earlier setting."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(EventFormatter(log_format, host))
    handler.addFilter(Folding().admit)
    logger = logging.getLogger(LOGGER_NAME)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


class EventFormatter(logging.Formatter):
    def __init__(self, log_format: LogFormat, host: str) -> None:
        super().__init__()
        self._render = render_json if log_format == "json" else render_kv
        self._host = host

    def format(self, record: logging.LogRecord) -> str:
        event, own = _event_and_fields(record)
        fields: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": event,
            "host": self._host,
            **own,
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return self._render({name: hide(name, value) for name, value in fields.items() if value is not None})


def _event_and_fields(record: logging.LogRecord) -> tuple[str, Mapping[str, Any]]:
    """A line written with plain logging is an event named after its module, with the message as detail."""
    message = record.getMessage()
    fields: Mapping[str, Any] | None = getattr(record, "fields", None)
    return (message, fields) if fields is not None else (record.name.rpartition(".")[2], {"detail": message})


def hide(name: str, value: Any) -> Any:
    """A guard for mistakes: a value under a telling name is never written."""
    return HIDDEN if _is_telling(name) else value


@functools.lru_cache(maxsize=256)
def _is_telling(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def render_kv(fields: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_kv_value(value)}" for name, value in fields.items())


def render_json(fields: Mapping[str, Any]) -> str:
    return escape(json.dumps(fields, ensure_ascii=False, default=str))


def _kv_value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    is_plain = _PLAIN_VALUE.fullmatch(text) is not None
    return escape(text if is_plain else json.dumps(text, ensure_ascii=False))


def escape(text: str) -> str:
    r"""Control, format and line-breaking characters as \uXXXX: a task's name must not write to the terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"\\u{ord(char):04x}" if unicodedata.category(char) in _HARMFUL else char for char in text)


class Folding:
    """Lets a warning through once a minute; the next line of its kind says how many were left out (`repeated`)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[tuple[str, ...], tuple[float, int]] = {}

    def admit(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        key, now = _kind(record), self._clock()
        written_at, folded = self._seen.get(key, (-FOLD_SECONDS, 0))
        if now - written_at < FOLD_SECONDS:
            self._seen[key] = (written_at, folded + 1)
            return False
        self._forget_old(now)
        self._seen[key] = (now, 0)
        if folded:
            record.fields = {**getattr(record, "fields", {}), "repeated": folded}
        return True

    def _forget_old(self, now: float) -> None:
        if len(self._seen) >= FOLD_KEYS_LIMIT:
            self._seen = {key: seen for key, seen in self._seen.items() if now - seen[0] < FOLD_SECONDS}


def _kind(record: logging.LogRecord) -> tuple[str, ...]:
    """What makes two lines the same: numbers inside the detail do not."""
    fields: Mapping[str, Any] = getattr(record, "fields", {})
    detail = re.sub(r"\d+", "#", str(fields.get("detail", "")))
    return (record.getMessage(), str(fields.get("loop", "")), str(fields.get("sub_agent_id", "")), detail)
