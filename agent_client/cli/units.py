"""Sizes, durations and moments as people type and read them. Pure; errors are ValueErrors that name the text."""

import math
import re
from datetime import datetime
from decimal import Decimal, InvalidOperation

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b?)", re.IGNORECASE)
_MIB_PER = {"k": Decimal(1) / 1024, "m": Decimal(1), "g": Decimal(1024), "t": Decimal(1024 * 1024)}
_PARTS = re.compile(r"(\d+(?:\.\d+)?)\s*([dhms])", re.IGNORECASE)
_SECONDS_PER = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_SECONDS_MAX = 2**31 - 1
_DAYS = re.compile(r"(\d+)-(\d{1,2})(?::(\d{1,2}))?(?::(\d{1,2}))?")
_CLOCK = re.compile(r"(\d+):(\d{1,2})(?::(\d{1,2}))?")


def size_mib(text: str) -> int:
    """MiB of `32G`, `1.5GiB`, `500M`; a bare number is GiB. A part of a MiB counts as a whole one."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a size; write 32G, 500M or 1.5T (a bare number is GiB)")
    number, suffix = match.groups()
    return math.ceil(Decimal(number) * _MIB_PER[suffix.lower() or "g"])


def duration_seconds(text: str, bare: str = "m") -> int:
    """Seconds of `2h`, `1h30m`, `H:M:S`, `M:S`, `D-H`, `D-H:M`, `D-H:M:S`; a bare number counts in the unit `bare`."""
    stripped = text.strip()
    total = _bare(stripped, bare) or _by_letters(stripped) or _by_days(stripped) or _by_clock(stripped)
    if total is None:
        raise ValueError(f"{text!r} is not a duration; write 90m, 2h, 1h30m, 2:00:00 or 1-12:00:00")
    if not 0 < total <= _SECONDS_MAX:
        raise ValueError(f"{text!r} is not a duration: it must be longer than 0 and shorter than 68 years")
    return total


def _bare(text: str, unit: str) -> int | None:
    return math.ceil(Decimal(text) * _SECONDS_PER[unit]) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def _by_letters(text: str) -> int | None:
    parts = _PARTS.findall(text)
    letters = [letter.lower() for _, letter in parts]
    is_ordered = letters == sorted(set(letters), key="dhms".index)
    if not parts or not is_ordered or _PARTS.sub("", text).strip():
        return None
    return math.ceil(sum(Decimal(number) * _SECONDS_PER[letter.lower()] for number, letter in parts))


def _by_days(text: str) -> int | None:
    match = _DAYS.fullmatch(text)
    if not match:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    return days * 86400 + hours * 3600 + minutes * 60 + seconds


def _by_clock(text: str) -> int | None:
    """Three parts are hours, minutes, seconds; two are minutes and seconds, as Slurm reads them."""
    match = _CLOCK.fullmatch(text)
    if not match:
        return None
    first, second, third = match.groups()
    hours, minutes, seconds = (int(first), int(second), int(third)) if third else (0, int(first), int(second))
    if seconds > 59 or (third and minutes > 59):
        return None
    return hours * 3600 + minutes * 60 + seconds


def core_count(text: str) -> int | float:
    """CPU cores; fractions are allowed, whole numbers stay whole."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or value < 0:
        raise ValueError(f"{text!r} is not a number of CPU cores; write 4 or 0.5")
    return int(value) if value == value.to_integral_value() else float(value)


def moment(text: str) -> str:
    """ISO 8601 with its zone; without one, the time of this machine is meant."""
    try:
        return datetime.fromisoformat(text.strip()).astimezone().isoformat()
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a time; write 2026-08-21T18:00 or 2026-08-21T18:00+02:00") from error


def shown_mib(mib: float | None) -> str:
    if mib is None:
        return "?"
    for unit, factor in (("TiB", 1024 * 1024), ("GiB", 1024)):
        if mib >= factor:
            return f"{_short(mib / factor)} {unit}"
    return f"{_short(mib)} MiB"


def shown_seconds(seconds: float | None) -> str:
    """The two largest units: 3d04h, 2h05m, 1m15s, 4.2s."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{_short(seconds)}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02}m"
    return f"{hours // 24}d{hours % 24:02}h"


def shown_moment(text: str | None, with_seconds: bool = False) -> str:
    """A time of the server in this machine's zone."""
    if not text:
        return ""
    local = datetime.fromisoformat(text).astimezone()
    return local.strftime("%Y-%m-%d %H:%M:%S" if with_seconds else "%Y-%m-%d %H:%M")


def _short(number: float) -> str:
    """At most one decimal, and none that says nothing."""
    return f"{number:.1f}".removesuffix(".0")
