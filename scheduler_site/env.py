"""Typed readers of environment variables. A wrong value stops the start with a sentence that names the variable."""

import ipaddress
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

PREFIX = "NIGHTSHIFT_"
LONGEST_SECONDS = 10 * 365 * 86400.0
HOST_NAME = re.compile(r"[A-Za-z0-9._-]+")


def text(name: str, default: str = "") -> str:
    return os.environ.get(PREFIX + name) or default


def integer(name: str, default: int, low: int, high: int) -> int:
    raw = os.environ.get(PREFIX + name)
    if raw is None or raw == "":
        return default
    try:
        value = int(raw)
    except ValueError:
        raise wrong(name, raw, f"a whole number between {low} and {high}") from None
    if not low <= value <= high:
        raise wrong(name, raw, f"a whole number between {low} and {high}")
    return value


def seconds(name: str, default: float) -> float:
    """A span of time that is not nothing."""
    raw = os.environ.get(PREFIX + name)
    if raw is None or raw == "":
        return default
    try:
        value = float(raw)
    except ValueError:
        value = 0.0
    if not 0 < value <= LONGEST_SECONDS:
        raise wrong(name, raw, f"a number of seconds above 0, at most {LONGEST_SECONDS:.0f}")
    return value


def boolean(name: str, default: bool) -> bool:
    raw = os.environ.get(PREFIX + name)
    if raw is None or raw == "":
        return default
    if raw.lower() in {"1", "true", "yes", "on"}:
        return True
    if raw.lower() in {"0", "false", "no", "off"}:
        return False
    raise wrong(name, raw, "1 or 0")


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    raw = os.environ.get(PREFIX + name) or default
    if raw not in allowed:
        raise wrong(name, raw, "one of " + ", ".join(allowed))
    return raw


def folder(name: str, default: Path) -> Path:
    raw = os.environ.get(PREFIX + name)
    path = Path(raw).expanduser() if raw else default
    if path.exists() and not path.is_dir():
        raise wrong(name, str(path), "a folder")
    return path.absolute()


def file(name: str) -> Path | None:
    """An existing file that can be read, or None when not set."""
    raw = os.environ.get(PREFIX + name)
    if not raw:
        return None
    path = Path(raw).expanduser().absolute()
    if not path.is_file() or not os.access(path, os.R_OK):
        raise wrong(name, raw, "a file that exists and can be read")
    return path


def file_name(name: str, default: str) -> str:
    """Of a file in a folder that is known: no path."""
    raw = text(name, default)
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", raw):
        raise wrong(name, raw, "a file name of letters, digits, dots and dashes, without a folder")
    return raw


def host(name: str, default: str) -> str:
    raw = text(name, default).strip("[]")
    if not HOST_NAME.fullmatch(raw) and not _is_ip(raw):
        raise wrong(name, raw, "an IP address or a host name of this machine, such as 127.0.0.1 or 0.0.0.0")
    return raw


def _is_ip(raw: str) -> bool:
    try:
        ipaddress.ip_address(raw)
    except ValueError:
        return False
    return True


def hosts(name: str) -> list[str]:
    """Host names separated by commas, without ports."""
    names = [part.strip() for part in text(name).split(",") if part.strip()]
    for part in names:
        if not re.fullmatch(r"\.?[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]", part):
            raise wrong(name, part, "host names separated by commas, without ports; * is not allowed")
    return names


def networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Addresses or networks separated by commas."""
    parts = [part.strip() for part in text(name).split(",") if part.strip()]
    try:
        return [ipaddress.ip_network(part, strict=False) for part in parts]
    except ValueError:
        raise wrong(name, text(name), "addresses or networks separated by commas, such as 10.0.0.0/24") from None


def url(name: str, schemes: tuple[str, ...]) -> str:
    raw = text(name).rstrip("/")
    if raw and urlsplit(raw).scheme not in schemes:
        wanted = "a URL that begins with " + " or ".join(f"{scheme}://" for scheme in schemes)
        raise wrong(name, hide_password(raw), wanted)
    return raw


def database(name: str, default: str) -> dict[str, Any]:
    """Django's connection settings from a database URL. A connection that a restart of PostgreSQL has cut is made anew
    before a request uses it."""
    raw = text(name, default)
    try:
        parsed = dict(dj_database_url.parse(raw, conn_max_age=None, conn_health_checks=True))
    except ValueError:
        parsed = {}
    if not _is_usable(str(parsed.get("ENGINE", "")).rpartition(".")[2], str(parsed.get("NAME") or "")):
        wanted = "sqlite:////absolute/path or postgres://user:password@host/database"
        raise wrong(name, hide_password(raw), wanted)
    return parsed


def _is_usable(engine: str, database_name: str) -> bool:
    """A relative file would lie elsewhere for each process, one in memory would be each process's own."""
    if engine == "sqlite3":
        return Path(database_name).is_absolute()
    return engine == "postgresql" and bool(database_name)


def host_of(address: str) -> str:
    """The host of a URL, as a Host header has it, without the port."""
    return urlsplit(address).netloc.rpartition("@")[2].rsplit(":", 1)[0] if address else ""


def port_of(address: str) -> int:
    parts = urlsplit(address)
    return parts.port or (443 if parts.scheme == "https" else 80)


def origin_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def hide_password(raw: str) -> str:
    return re.sub(r"(?<=:)[^:/@]+(?=@)", "***", raw)


def wrong(name: str, raw: str, wanted: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{PREFIX}{name} is {raw!r}; it must be {wanted}.")
