"""What people type and read for durations and sizes. Pure; knows no model and no form.

The command line reads the same spellings (agent_client keeps its own copy: it imports nothing of the server).
"""

import re
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PARTS = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[smhd])(?:ec|in|our|ay)?s?\s*", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(?P<days>\d+)-)?(?P<hours>\d+):(?P<minutes>[0-5]?\d)(?::(?P<seconds>[0-5]?\d))?")
DURATION_HELP = "For example 2h, 90m, 1h30m or 1-12:00:00; a bare number is minutes."


def parse_duration(text: str) -> int:
    """Seconds, at least 1. ValueError says what is allowed."""
    text = text.strip().lower()
    seconds = _bare_minutes(text) or _clock(text) or _with_units(text)
    if not seconds or seconds < 1 or seconds > timedelta(days=3650).total_seconds():
        raise ValueError(f"“{text}” is not a duration. {DURATION_HELP}")
    return int(seconds)


def duration_input(seconds: int | None) -> str:
    """The shortest text that parse_duration reads back as `seconds`: 5400 as `1h30m`."""
    if seconds is None:
        return ""
    parts, rest = [], seconds
    for unit in ("d", "h", "m", "s"):
        number, rest = divmod(rest, _UNITS[unit])
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"


def parse_gib(text: str) -> int:
    """MiB from GiB as typed: 1.5 is 1536. ValueError when it is no positive number."""
    try:
        mib = (Decimal(text.strip().replace(",", ".")) * 1024).quantize(Decimal(1), ROUND_HALF_UP)
    except InvalidOperation:
        raise ValueError(f"“{text}” is not a number of GiB.") from None
    if not mib.is_finite() or not 1 <= mib <= 2**31 - 1:
        raise ValueError("Give a number of GiB above 0.")
    return int(mib)


def gib_input(mib: int | None) -> str:
    """GiB for a form, with as few decimals as it takes to come back to the same MiB."""
    if mib is None:
        return ""
    gib = Decimal(mib) / 1024
    shortest = next(
        (rounded for digits in range(5) if round((rounded := round(gib, digits)) * 1024) == mib),
        gib,
    )
    return f"{shortest:f}".rstrip("0").rstrip(".") if "." in f"{shortest:f}" else f"{shortest:f}"


def _bare_minutes(text: str) -> float | None:
    return float(text) * 60 if re.fullmatch(r"\d+(\.\d+)?", text) else None


def _clock(text: str) -> int | None:
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _with_units(text: str) -> float | None:
    if not text or _PARTS.sub("", text):
        return None
    return sum(float(match["number"]) * _UNITS[match["unit"].lower()] for match in _PARTS.finditer(text))
