"""The server's own log: one line per event, key=value or JSON, without secrets and without forged lines.

Code logs `log.info("event_name key=%s", value)`. Standard error gets warnings and worse; `to_file` adds the rotating
file. Does not hold the output of scripts.
"""

import json
import logging
import logging.handlers
import re
from datetime import UTC, datetime
from pathlib import Path

SECRETS = [
    (re.compile(r"(/enter/)[^\s/?\"']+"), r"\1***"),
    (re.compile(r"(?i)\b(Bearer|Enrolment)\s+[^\s\"']+"), r"\1 ***"),
    (re.compile(r"(?i)\b((?:Sub)?Agent\s+[0-9a-f-]{36}:)[^\s\"']+"), r"\1***"),
    (re.compile(r"(://[^\s:/@]*:)[^\s/@]+(@)"), r"\1***\2"),
]
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
PAIR = re.compile(r"(?:^|\s)([a-z][a-z0-9_]*)=(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\S*)")
ORDINARY_REFUSALS = {409, 410, 416, 422}  # part of the protocols; a reader that follows a log gets 416 each second
FILE_BYTES = 10 * 1024 * 1024
FILES_KEPT = 5


def redacted(text: str) -> str:
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text


def escaped(text: str) -> str:
    """Control characters as \\x1b and the like: user text cannot begin a line of its own."""
    return CONTROLS.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


class KeyValueLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"at={moment(record)} level={record.levelname.lower()} source={record.name} event={message(record)}"
        fault = traceback_of(record)
        return f'{line} traceback="{fault}"' if fault else line


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said = message(record)
        fields = {key: value.strip("\"'") for key, value in PAIR.findall(said)}
        entry = {"at": moment(record), "level": record.levelname.lower(), "source": record.name, "event": said}
        fault = traceback_of(record)
        return json.dumps({**fields, **entry, **({"traceback": fault} if fault else {})}, ensure_ascii=False)


def moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def message(record: logging.LogRecord) -> str:
    return escaped(redacted(record.getMessage()))


def traceback_of(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    return escaped(redacted(logging.Formatter().formatException(record.exc_info)))


def is_remarkable(record: logging.LogRecord) -> bool:
    return getattr(record, "status_code", None) not in ORDINARY_REFUSALS


def formatter(style: str) -> logging.Formatter:
    return JsonLines() if style == "json" else KeyValueLines()


def set_up(style: str, level: str) -> None:
    """Standard error only. Called once when Django starts; leaves handlers of others (a test's) alone."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    logging.getLogger("django.request").addFilter(is_remarkable)
    if not any(isinstance(handler, _StandardError) for handler in root.handlers):
        root.addHandler(_StandardError())
    for handler in root.handlers:
        if isinstance(handler, _StandardError):
            handler.setFormatter(formatter(style))
    for noisy in ("daphne", "twisted", "asyncio", "django.request", "django.channels"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


class _StandardError(logging.StreamHandler):  # type: ignore[type-arg]
    def __init__(self) -> None:
        super().__init__()
        self.setLevel(logging.WARNING)


def only_to_file(path: Path, style: str) -> None:
    """For a process whose terminal belongs to people."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _StandardError)]:
        root.removeHandler(handler)
    to_file(path, style)


def to_file(path: Path, style: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8")
    handler.setFormatter(formatter(style))
    logging.getLogger().addHandler(handler)
