"""Typed readers of environment variables. A wrong value stops the start with a sentence that names the variable."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

PREFIX = "NIGHTSHIFT_"


def text(name: str, default: str = "") -> str:
    return os.environ.get(PREFIX + name, default)


def integer(name: str, default: int, low: int, high: int) -> int:
    raw = os.environ.get(PREFIX + name)
    if raw is None or raw == "":
        return default
    try:
        value = int(raw)
    except ValueError:
        raise _wrong(name, raw, f"a whole number between {low} and {high}") from None
    if not low <= value <= high:
        raise _wrong(name, raw, f"a whole number between {low} and {high}")
    return value


def boolean(name: str, default: bool) -> bool:
    raw = os.environ.get(PREFIX + name)
    if raw is None or raw == "":
        return default
    if raw.lower() in {"1", "true", "yes", "on"}:
        return True
    if raw.lower() in {"0", "false", "no", "off"}:
        return False
    raise _wrong(name, raw, "1 or 0")


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    raw = os.environ.get(PREFIX + name) or default
    if raw not in allowed:
        raise _wrong(name, raw, "one of " + ", ".join(allowed))
    return raw


def folder(name: str, default: Path) -> Path:
    raw = os.environ.get(PREFIX + name)
    path = Path(raw).expanduser() if raw else default
    if path.exists() and not path.is_dir():
        raise _wrong(name, str(path), "a folder")
    return path.absolute()


def _wrong(name: str, raw: str, wanted: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{PREFIX}{name} is {raw!r}; it must be {wanted}.")
