"""The end of a reservation as people type it: 18:00 is the next 18:00 of this machine's clock. Pure."""

import re
from datetime import datetime, timedelta

from agent_client.cli import units

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")


def parsed(text: str, now: datetime | None = None) -> str:
    """ISO 8601 with a zone, of `18:00`, `tomorrow 8:00` or a whole date and time. `now`: local, without a zone."""
    words = text.split()
    later = 1 if words[:1] == ["tomorrow"] else 0
    match = _CLOCK.fullmatch(words[-1]) if len(words) == 1 + later else None
    if match is None:
        return _moment(text)
    now = now or datetime.now().astimezone().replace(tzinfo=None)
    try:
        moment = now.replace(hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time: {error}") from error
    if later or moment <= now:
        moment += timedelta(days=1)
    return moment.astimezone().isoformat()


def _moment(text: str) -> str:
    try:
        return units.moment(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time; write 18:00, tomorrow 8:00 or 2026-08-21T18:00") from error
